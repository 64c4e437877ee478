import type { LogEntry } from '../protocol/logs.ts';
import { noticeOf } from './notice.ts';

/** Functions whose losses are counted apart; those of any more are not told. */
const MAX_SOURCES = 1_000;

/** Counts entries that found no room, until they can be told in the logs that they are missing from. */
export class LostEntries {
  #counts = new Map<string, { entry: LogEntry; count: number }>();

  count(entry: LogEntry): void {
    const key = `${entry.deployment}/${entry.functionName}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.count++;
    else if (this.#counts.size < MAX_SOURCES) this.#counts.set(key, { entry, count: 1 });
  }

  countAll(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.count(entry);
  }

  /** One entry for each function that lost some; counting begins anew. */
  take(nowMs: number): LogEntry[] {
    if (this.#counts.size === 0) return [];
    const notices = Array.from(this.#counts.values(), ({ entry, count }) =>
      noticeOf(entry, nowMs, {
        text: `${count} log entries were lost: there was no room for them while the platform could not store them`,
        dropped: count,
      }),
    );
    this.#counts = new Map();
    return notices;
  }
}
