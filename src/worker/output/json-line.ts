import type { LogLevel } from '../../protocol/worker.ts';

/** The numbers of pino and bunyan; what lies between counts as the lower. */
const NUMBERED: readonly [number, LogLevel][] = [
  [50, 'error'],
  [40, 'warn'],
  [30, 'info'],
  [-Infinity, 'debug'],
];

/** The words of winston, npm, syslog, Lambda and Cloud Logging, in lower case. */
const NAMED = new Map<string, LogLevel>([
  ...words('error', 'error', 'err', 'fatal', 'critical', 'crit', 'alert', 'emergency', 'emerg'),
  ...words('warn', 'warn', 'warning'),
  ...words('info', 'info', 'http', 'notice', 'log', 'default'),
  ...words('debug', 'debug', 'trace', 'verbose', 'silly'),
]);

/** What a structured logger printed: the object as JSON, and its level if it has one that is known. */
export function readJsonLine(text: string): { fields: string; level: LogLevel | null } | null {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{') || !trimmed.endsWith('}')) return null;
  try {
    const value = JSON.parse(trimmed) as Record<string, unknown>;
    return { fields: trimmed, level: levelOf(value['level'] ?? value['severity']) };
  } catch {
    return null; // Text in braces.
  }
}

function levelOf(value: unknown): LogLevel | null {
  if (typeof value === 'string') return NAMED.get(value.toLowerCase()) ?? null;
  if (typeof value !== 'number') return null;
  return NUMBERED.find(([least]) => value >= least)?.[1] ?? null;
}

function words(level: LogLevel, ...names: string[]): [string, LogLevel][] {
  return names.map((name) => [name, level]);
}
