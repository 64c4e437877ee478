import { shortSha } from '../../protocol/display.ts';

/** Where a command's result goes. */
export interface Output {
  line(text: string): void;
  /** Beside the result: on standard error. */
  aside(text: string): void;
  /** The whole result as one JSON document. */
  json(value: unknown): void;
  /** What is shown now, in the place of what it showed before; null where there is no terminal to do that on. */
  screen: ((lines: readonly string[]) => void) | null;
  /**
   * What is told of when nothing else is for a second: completes "waiting for …"; null when there is nothing to wait
   * for. `goesOn` says what becomes of it all when somebody presses Ctrl-C.
   */
  waitFor(what: string | null, goesOn?: string): void;
}

/** Rows below a heading, columns padded to their widest cell; the last one is left as it is. */
export function formatTable(heading: string[], rows: string[][]): string[] {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? '').length)),
  );
  return all.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `3 min ago`, from an ISO 8601 time; `-` for null. */
export function formatAge(time: string | null, nowMs: number): string {
  if (time === null) return '-';
  const ageMs = nowMs - Date.parse(time);
  if (ageMs < MINUTE_MS) return 'just now';
  if (ageMs < HOUR_MS) return `${Math.floor(ageMs / MINUTE_MS)} min ago`;
  if (ageMs < 2 * DAY_MS) return `${Math.floor(ageMs / HOUR_MS)} h ago`;
  return `${Math.floor(ageMs / DAY_MS)} days ago`;
}

/** A short SHA; `-` for null. */
export function formatCommit(sha: string | null): string {
  return sha === null ? '-' : shortSha(sha);
}

/** `v7`; `-` for a deployment without a number. */
export function formatVersion(version: number | null): string {
  return version === null ? '-' : `v${version}`;
}

/** Workers start within seconds; a release command that goes before them may take minutes. */
export const STARTING_MS = 10 * 60_000;

/** What is waited for when a stored bundle goes live again, and what becomes of it without us. */
export const STARTING = [
  'the new workers to start',
  'the server goes on with it; see what came of it: fn releases',
] as const;
