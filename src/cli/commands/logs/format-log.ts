import { styleText } from 'node:util';
import type { LogEntry } from '../../../protocol/control-client.generated.ts';
import { printable } from '../../../std/printable.ts';

const REQUEST_ID_CHARACTERS = 8;
const LEVEL_WIDTH = 5;
/** The lines of an entry after its first one: none can pass for an entry of its own. */
const CONTINUATION = '    ';
/** What stands at the beginning of the line already, or tells nothing to a person. */
const KNOWN_FIELDS = new Set([
  'level',
  'severity',
  'time',
  'timestamp',
  'msg',
  'message',
  'pid',
  'hostname',
  'v',
]);

const STYLES = {
  debug: 'dim',
  info: 'cyan',
  warn: 'yellow',
  error: 'red',
} as const satisfies Record<LogEntry['level'], string>;

/** `<time> <level> <function> <request> <text>`: what a function printed, shown and not obeyed. */
export function formatLogEntry(entry: LogEntry, { hasColors }: { hasColors: boolean }): string {
  const level = entry.level.padEnd(LEVEL_WIDTH);
  const request = entry.requestId?.slice(0, REQUEST_ID_CHARACTERS) ?? '-';
  const head = [
    entry.at,
    hasColors ? styleText(STYLES[entry.level], level, { validateStream: false }) : level,
    printable(entry.function),
    printable(request).padEnd(REQUEST_ID_CHARACTERS),
  ].join(' ');
  const lines = textOf(entry).split('\n').map(printable);
  return `${head} ${lines.join(`\n${CONTINUATION}`)}`;
}

/** Of a structured line, its message and then whatever else it says. */
function textOf({ kind, text, fields }: LogEntry): string {
  if (kind !== 'line' || fields === null) return text;
  const message = fields['msg'] ?? fields['message'];
  if (typeof message !== 'string') return text;
  const others = Object.entries(fields)
    .filter(([name]) => !KNOWN_FIELDS.has(name))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [message, ...others].join(' ');
}
