import { isToldReason, PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import { findLastAuditRow, insertAuditRows, lockAudit, type AuditRow } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import { GENESIS, macOf } from './audit-chain.ts';
import {
  encodeEntry,
  type AuditDetails,
  type AuditEvent,
  type AuditOutcome,
} from './audit-entry.ts';
import type { AuditHead, AuditKeys, HeadEntry } from './ports.ts';

/** Writes down who does what. */
export interface Audit {
  /**
   * To be awaited before it is done. @throws PlatformError unavailable when it cannot be written: then it must not be
   * done.
   */
  begin(event: AuditEvent): Promise<AuditOperation>;
  /** What has happened already: it is written as soon as that is possible. */
  note(event: AuditEvent): Promise<void>;
  /** Begins, does, and ends: `failed` when the work throws. @throws as `begin` and as the work */
  run<T>(event: AuditEvent, work: () => Promise<T>): Promise<T>;
}

/** Something that is being done. How it ended can no longer be refused: it is written as soon as that is possible. */
export interface AuditOperation {
  succeeded(known?: Known): Promise<void>;
  /** With the reason that its caller is told. */
  failed(reason: string, known?: Known): Promise<void>;
}

/** What is known by the end. */
type Known = Partial<Pick<AuditEvent, 'app' | 'target' | 'before' | 'after'>>;

interface Deps {
  db: Database;
  keys: AuditKeys;
  head: AuditHead;
  clock: Clock;
  onError: (error: unknown) => void;
}

/** Entries that wait for the database at most; beyond that nothing is begun. */
const MAX_WAITING = 1_000;
/** In one transaction. */
const MAX_BATCH = 100;
const RETRY_MS = 1_000;

interface Waiting {
  event: AuditEvent;
  atMs: number;
  outcome: AuditOutcome;
  reason: string | null;
  /** What has happened already waits for a better time instead of being refused. */
  isKept: boolean;
  settle: (error: unknown) => void;
}

export function createAuditLog(deps: Deps): Audit {
  const { clock, onError } = deps;
  const writer = createBatchWriter(deps);
  let waiting: Waiting[] = [];
  let isWriting = false;

  async function writeAll(): Promise<void> {
    if (isWriting) return;
    isWriting = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_BATCH);
      waiting = waiting.slice(MAX_BATCH);
      try {
        await writer.write(batch);
        for (const { settle } of batch) settle(null);
      } catch (error) {
        onError(error);
        for (const { isKept, settle } of batch) if (!isKept) settle(notWritten(error));
        waiting = [...batch.filter(({ isKept }) => isKept), ...waiting];
        clock.after(RETRY_MS, () => void writeAll());
        break;
      }
    }
    isWriting = false;
  }

  function enter(entry: Omit<Waiting, 'settle' | 'atMs'>): Promise<void> {
    if (waiting.length >= MAX_WAITING && !entry.isKept) throw notWritten(null);
    return new Promise((resolve, reject) => {
      const settle = (error: unknown): void => (error === null ? resolve() : reject(error));
      waiting.push({ ...entry, atMs: clock.now(), settle });
      void writeAll();
    });
  }

  /** Answers once it is written, or will be: whoever waits for the outcome need not wait for the database. */
  async function end(
    event: AuditEvent,
    outcome: AuditOutcome,
    reason: string | null,
  ): Promise<void> {
    const written = enter({ event, outcome, reason, isKept: true });
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(RETRY_MS, resolve);
    await Promise.race([written, late]).finally(cancel);
  }

  const audit: Audit = {
    async begin(event) {
      await enter({ event, outcome: 'requested', reason: null, isKept: false });
      return {
        succeeded: (known = {}) => end(merge(event, known), 'succeeded', null),
        failed: (reason, known = {}) => end(merge(event, known), 'failed', reason),
      };
    },
    note: (event) => end(event, 'succeeded', null),
    async run(event, work) {
      const operation = await audit.begin(event);
      try {
        const result = await work();
        await operation.succeeded();
        return result;
      } catch (error) {
        await operation.failed(reasonOf(error));
        throw error;
      }
    },
  };
  return audit;
}

/** What an error tells its caller; a bug tells nothing. */
function reasonOf(error: unknown): string {
  return error instanceof PlatformError ? `${error.code}: ${error.message}` : 'internal';
}

function merge(event: AuditEvent, { before, after, ...known }: Known): AuditEvent {
  return {
    ...event,
    ...known,
    before: mergeDetails(event.before, before ?? null),
    after: mergeDetails(event.after, after ?? null),
  };
}

function mergeDetails(a: AuditDetails | null, b: AuditDetails | null): AuditDetails | null {
  return a === null ? b : { ...a, ...b };
}

function notWritten(cause: unknown): PlatformError {
  if (isToldReason(cause)) return cause;
  return new PlatformError(
    'unavailable',
    'nothing was changed: the audit log can not be written at the moment',
    { hint: 'try again in a moment; the operator sees why in the log of the server', cause },
  );
}

/** Puts entries at the end of the chain, all or none. */
function createBatchWriter({ db, keys, head, clock }: Deps) {
  let known: HeadEntry | null = null;

  /** What the next entry follows, and what there is to be told about it. */
  async function findEnd(
    last: AuditRow | null,
  ): Promise<{ end: HeadEntry; gap: AuditEvent | null }> {
    known ??= await head.read();
    if (known === null) return { end: last ?? GENESIS, gap: last === null ? null : lostHead(last) };
    // Of one that the database has no more, or in another form, the file is right.
    const lastSequence = last?.sequence ?? 0;
    if (known.sequence < lastSequence) return { end: last ?? GENESIS, gap: null };
    return {
      end: known,
      gap: known.sequence === lastSequence ? null : cutOff(known, lastSequence),
    };
  }

  return {
    async write(batch: readonly Waiting[]): Promise<void> {
      const newest = await db.transaction(async (tx) => {
        await lockAudit(tx);
        const { end, gap } = await findEnd(await findLastAuditRow(tx));
        const found = { atMs: clock.now(), outcome: 'succeeded' as const, reason: null };
        const entries = gap === null ? batch : [{ event: gap, ...found }, ...batch];
        const rows = chain(keys, end, entries);
        await insertAuditRows(tx, rows);
        return rows.at(-1) ?? end;
      });
      await head.write(newest);
      known = newest;
    },
  };
}

type Entry = Pick<Waiting, 'event' | 'atMs' | 'outcome' | 'reason'>;

function chain({ current }: AuditKeys, end: HeadEntry, entries: readonly Entry[]): AuditRow[] {
  let previous = end;
  return entries.map(({ event, atMs, outcome, reason }) => {
    const sequence = previous.sequence + 1;
    const content = encodeEntry({ ...event, sequence, atMs, outcome, reason });
    const mac = macOf(current, previous.mac, { sequence, content });
    previous = { sequence, mac };
    return { sequence, keyId: current.id, content, mac };
  });
}

/** An event of the platform's own. */
function ownEvent(action: string, after: AuditDetails): AuditEvent {
  return {
    actor: { kind: 'platform' },
    action,
    app: null,
    target: null,
    from: null,
    requestId: null,
    before: null,
    after,
  };
}

function cutOff({ sequence }: HeadEntry, lastSequence: number): AuditEvent {
  return ownEvent('findAuditCutOff', { firstMissing: lastSequence + 1, lastMissing: sequence });
}

function lostHead({ sequence }: AuditRow): AuditEvent {
  return ownEvent('findAuditHeadMissing', { lastInDatabase: sequence });
}
