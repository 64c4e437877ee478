/**
 * Brings log entries from data to control: gathered for a second, or for a tenth of it while somebody follows the
 * app, sent as one numbered batch, and kept on disk when control does not take it. What finds no room anywhere is
 * counted, and the count is told in the log of the function.
 *
 * A process that is killed loses what it gathered since its last batch, a second's worth at most.
 */
import type { LogBatch, LogEntry } from '../protocol/logs.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import type { LogSpool } from './log-spool.ts';
import { AppBacklogs } from './app-backlogs.ts';
import { LostEntries } from './lost-entries.ts';
import type { LogSink } from './ports.ts';

const INTERVAL_MS = 1_000;
const FOLLOWED_INTERVAL_MS = 100;
/** Entries in memory, as JSON; only a control that hangs brings it near. */
const MAX_GATHERED_BYTES = 16 * 1024 * 1024;
/** Requests wait while a batch is made into JSON: so many entries take about a millisecond. */
const MAX_BATCH_BYTES = 256 * 1024;
const MAX_BATCH_ENTRIES = 500;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;
/** A batch that control refuses this often, while it answers, is not offered again. */
const MAX_REFUSALS = 5;
const ENTRY_OVERHEAD_BYTES = 200;

/** Of one app. */
interface Gathered {
  appName: string;
  entry: LogEntry;
  bytes: number;
}

/** A batch, with what is no longer waiting when it has been sent. */
interface TakenBatch {
  batch: LogBatch;
  bytes: BytesByApp;
}

type BytesByApp = ReadonlyMap<string, number>;

interface ShipperDeps {
  /** Names this data process. */
  source: string;
  /** @throws when control has not taken it */
  send(batch: LogBatch): Promise<{ followed: string[] }>;
  spool: LogSpool;
  clock: Clock;
  /** How many data processes there are, each with a share of what may wait; one when it is absent. */
  processes?: number;
}

export class LogShipper implements LogSink {
  readonly #deps: ShipperDeps;
  readonly #lost: LostEntries;
  #gathered: Gathered[] = [];
  #gatheredBytes = 0;
  readonly #backlogs: AppBacklogs;
  /** Of what this process has on disk, batch for batch. */
  readonly #spooled: BytesByApp[] = [];
  #sequence = 0;
  #followed = new Set<string>();
  #due: { atMs: number; cancel: () => void } | null = null;
  #shipping: Promise<void> | null = null;
  /** Also what makes no whole batch. */
  #isAllDue = false;
  #awayUntilMs = -Infinity;
  #retryMs = FIRST_RETRY_MS;
  #refusals = 0;
  #isClosed = false;

  constructor(deps: ShipperDeps) {
    this.#deps = deps;
    this.#backlogs = new AppBacklogs(deps.processes ?? 1);
    this.#lost = new LostEntries();
    this.#shipIn(0); // What an earlier process left on disk.
  }

  add(appName: string, entry: LogEntry): void {
    const bytes = sizeOf(entry);
    const isRoom = this.#gatheredBytes + bytes <= MAX_GATHERED_BYTES / (this.#deps.processes ?? 1);
    if (!isRoom || !this.#backlogs.add(appName, bytes)) {
      this.#lost.count(entry);
      return;
    }
    this.#gathered.push({ appName, entry, bytes });
    this.#gatheredBytes += bytes;
    this.#shipIn(this.#followed.has(appName) ? FOLLOWED_INTERVAL_MS : INTERVAL_MS);
    // What many print is sent in even steps, and not all of it at the end of a second.
    if (this.#hasBatch() && !this.#isAway()) void this.#shipAfterOthers('batches');
  }

  /** From now on what these apps print is sent at once. */
  follow(appNames: string[]): void {
    this.#followed = new Set(appNames);
    if (this.#followed.size > 0 && this.#gathered.length > 0) this.#shipIn(FOLLOWED_INTERVAL_MS);
  }

  /** Sends what there is, or leaves it on disk. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#due?.cancel();
    this.#isAllDue = true;
    await this.#shipping;
    await this.#ship();
  }

  /** The sooner of what is due and this. */
  #shipIn(delayMs: number): void {
    if (this.#isClosed) return;
    const atMs = this.#deps.clock.monotonicMs() + delayMs;
    if (this.#due !== null && this.#due.atMs <= atMs) return;
    this.#due?.cancel();
    const cancel = this.#deps.clock.after(delayMs, () => {
      this.#due = null;
      void this.#shipAfterOthers('all');
    });
    this.#due = { atMs, cancel };
  }

  async #shipAfterOthers(what: 'batches' | 'all'): Promise<void> {
    if (what === 'all') this.#isAllDue = true;
    // Whoever ships now looks at what is due until its end.
    if (this.#shipping !== null || this.#isClosed) return;
    this.#shipping = this.#ship();
    await this.#shipping;
    this.#shipping = null;
    const awayMs = this.#awayUntilMs - this.#deps.clock.monotonicMs();
    // Timers may be a little early.
    if (awayMs >= 0) this.#shipIn(Math.ceil(awayMs) + 1);
    else if (this.#isAllDue || this.#hasBatch()) this.#shipIn(0);
  }

  async #ship(): Promise<void> {
    while (await this.#shipNext()) if (!this.#isAllDue && !this.#hasBatch()) return;
    this.#isAllDue = false;
  }

  #hasBatch(): boolean {
    const { length } = this.#gathered;
    return length >= MAX_BATCH_ENTRIES || this.#gatheredBytes >= MAX_BATCH_BYTES;
  }

  /** One batch, the oldest first; false when there is nothing more to do now. */
  async #shipNext(): Promise<boolean> {
    const waiting = this.#isAway() ? null : await this.#firstWaiting();
    if (waiting !== null) {
      if (!(await this.#send(waiting))) return true;
      await this.#deps.spool.removeFirst();
      // What an earlier process left there is no app's here.
      if (waiting.source === this.#deps.source) this.#forget(this.#spooled.shift());
      return true;
    }
    // A part of the disk that could not be read was left for the next process.
    if (!this.#isAway()) for (const bytes of this.#spooled.splice(0)) this.#forget(bytes);
    const next = this.#takeBatch();
    if (next === null) return false;
    if (!this.#isAway() && (await this.#send(next.batch))) this.#forget(next.bytes);
    else await this.#keepOnDisk(next);
    return true;
  }

  async #keepOnDisk({ batch, bytes }: TakenBatch): Promise<void> {
    if (await this.#deps.spool.append(batch)) {
      this.#spooled.push(bytes);
      return;
    }
    this.#lost.countAll(batch.entries);
    this.#forget(bytes);
  }

  #forget(bytesByApp: BytesByApp = new Map()): void {
    for (const [appName, bytes] of bytesByApp) this.#backlogs.remove(appName, bytes);
  }

  /** While it cannot be read, what is new waits behind it on disk: control takes batches in their order only. */
  async #firstWaiting(): Promise<LogBatch | null> {
    try {
      return await this.#deps.spool.first();
    } catch {
      this.#retryLater();
      return null;
    }
  }

  #retryLater(): void {
    this.#awayUntilMs = this.#deps.clock.monotonicMs() + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }

  #isAway(): boolean {
    return this.#deps.clock.monotonicMs() < this.#awayUntilMs;
  }

  #takeBatch(): TakenBatch | null {
    // Only while they can be told: on a full disk they would be lost as well.
    const lost = this.#isAway() ? [] : this.#lost.take(this.#deps.clock.now());
    this.#gathered.push(...lost.map((entry) => ({ appName: '', entry, bytes: 0 })));
    if (this.#gathered.length === 0) return null;
    let batchBytes = 0;
    let count = 0;
    for (const { bytes } of this.#gathered) {
      const isFull = batchBytes + bytes > MAX_BATCH_BYTES || count >= MAX_BATCH_ENTRIES;
      if (count > 0 && isFull) break;
      batchBytes += bytes;
      count++;
    }
    const taken = this.#gathered.splice(0, count);
    this.#gatheredBytes -= batchBytes;
    const entries = taken.map(({ entry }) => entry);
    return {
      batch: { source: this.#deps.source, sequence: ++this.#sequence, entries },
      bytes: sumsOf(taken),
    };
  }

  /** Whether control has it, or never will. */
  async #send(batch: LogBatch): Promise<boolean> {
    try {
      this.follow((await this.#deps.send(batch)).followed);
      this.#retryMs = FIRST_RETRY_MS;
      this.#refusals = 0;
      return true;
    } catch (error) {
      const isRefused = error instanceof PlatformError && !isPassing(error);
      this.#refusals = isRefused ? this.#refusals + 1 : 0;
      if (this.#refusals >= MAX_REFUSALS) {
        this.#refusals = 0;
        this.#lost.countAll(batch.entries);
        return true;
      }
      this.#retryLater();
      return false;
    }
  }
}

function isPassing({ code }: PlatformError): boolean {
  return code === 'unavailable' || code === 'database-down' || code === 'busy';
}

function sumsOf(gathered: readonly Gathered[]): BytesByApp {
  const sums = new Map<string, number>();
  for (const { appName, bytes } of gathered) sums.set(appName, (sums.get(appName) ?? 0) + bytes);
  return sums;
}

/** About what it has as JSON. */
function sizeOf({ text, fields }: LogEntry): number {
  return ENTRY_OVERHEAD_BYTES + text.length + (fields?.length ?? 0);
}
