import type { LogEntry } from '../../src/protocol/logs.ts';

/** A line that a function printed. */
export function logEntry(entry: Partial<LogEntry> = {}): LogEntry {
  return {
    at: 1_700_000_000_000,
    kind: 'line',
    level: 'info',
    deployment: 'dep-aaaaaaaaaaaa',
    functionName: 'main',
    requestId: null,
    text: 'hello',
    fields: null,
    ...entry,
  };
}
