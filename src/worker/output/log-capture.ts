/** Turns what the function prints into LOG frames, each under the request that printed it. Bounded in size and rate. */
import { setTimeout as schedule } from 'node:timers';
import type { LogFrame, LogLevel } from '../../protocol/worker.ts';
import { readJsonLine } from './json-line.ts';
import { redact } from './redact.ts';

export const MAX_LINE_CHARACTERS = 8 * 1024;
/** Of longer texts not even the beginning is kept: to take it, V8 would lay out the whole text in memory. */
const MAX_CUT_CHARACTERS = 16 * 1024 * 1024;
/** What is kept of a long line, and the rest of the longest secret that may begin in it. */
const MAX_REDACTED_CHARACTERS = 1024 * 1024;
const MAX_LINES_PER_SECOND = 1_000;
/** Bursts, one each second, must not be cut where two of them fall into the same second. */
const MAX_LINES_AT_ONCE = 2 * MAX_LINES_PER_SECOND;
const TELL_DROPPED_MS = 1_000;

interface LogTarget {
  /** The stream of the request that runs now; 0 outside of any. */
  current(): number;
  send(stream: number, line: LogFrame): void;
  nowMs(): number;
}

export interface LogCapture {
  /** One entry of the request that runs now. */
  write(level: LogLevel, text: string): void;
  /** One entry of the request that had this stream. */
  writeOf(stream: number, level: LogLevel, text: string): void;
  current(): number;
}

export function createLogCapture(target: LogTarget): LogCapture {
  let left = MAX_LINES_AT_ONCE;
  let countedAtMs = target.nowMs();
  let dropped = 0;

  function takeDropped(): number {
    const taken = dropped;
    dropped = 0;
    return taken;
  }

  /** Told also when nothing is printed any more. */
  function tellDropped(): void {
    const count = takeDropped();
    if (count > 0) target.send(0, { level: 'warn', text: '', dropped: count });
  }

  function drop(): void {
    dropped++;
    if (dropped === 1) schedule(tellDropped, TELL_DROPPED_MS).unref();
  }

  function writeOf(stream: number, level: LogLevel, text: string): void {
    const now = target.nowMs();
    left = Math.min(MAX_LINES_AT_ONCE, left + ((now - countedAtMs) * MAX_LINES_PER_SECOND) / 1_000);
    countedAtMs = now;
    if (left < 1) return drop();
    left--;
    target.send(stream, { ...frameOf(level, text), dropped: takeDropped() });
  }

  return {
    write: (level, text) => writeOf(target.current(), level, text),
    writeOf,
    current: () => target.current(),
  };
}

function frameOf(level: LogLevel, text: string): Omit<LogFrame, 'dropped'> {
  if (text.length > MAX_CUT_CHARACTERS) {
    return { level, text: `(${text.length} characters, too many to be kept)` };
  }
  if (text.length > MAX_LINE_CHARACTERS) {
    const shown = redact(text.slice(0, MAX_REDACTED_CHARACTERS));
    const beginning = shown.slice(0, MAX_LINE_CHARACTERS);
    return { level, text: `${beginning}… (${text.length} characters)` };
  }
  const shown = redact(text);
  const json = readJsonLine(shown);
  return json === null
    ? { level, text: shown }
    : { level: json.level ?? level, text: shown, fields: json.fields };
}
