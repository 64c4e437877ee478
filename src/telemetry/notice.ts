import type { LogEntry } from '../protocol/logs.ts';

interface Notice {
  text: string;
  /** How many entries are missing. */
  dropped: number;
}

/** What the platform tells in a function's log about the log. */
export function noticeOf(
  { deployment, functionName }: Pick<LogEntry, 'deployment' | 'functionName'>,
  at: number,
  { text, dropped }: Notice,
): LogEntry {
  return {
    at,
    kind: 'notice',
    level: 'warn',
    deployment,
    functionName,
    requestId: null,
    text,
    fields: JSON.stringify({ dropped }),
  };
}
