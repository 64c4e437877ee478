/**
 * Stores batches of log entries in control, the only place where they are written. What an entry says of itself is
 * checked: data is the process that parses strangers' bytes. Secrets are taken out before anything is stored.
 */
import { ERROR_TABLE, PlatformError } from '../protocol/errors.ts';
import { LOG_KINDS, LOG_LEVELS, type LogBatch, type LogEntry } from '../protocol/logs.ts';
import type { Redact } from '../protocol/redaction.ts';
import type { Database } from '../store/database.ts';
import { storeLogBatch, type NewLogEntry } from '../store/logs.ts';
import type { LogFollowers } from './log-followers.ts';
import type { LogOrigin, Origins, Redactors, StackSources } from './ports.ts';

const MAX_BATCH_ENTRIES = 5_000;
const MAX_TEXT_CHARACTERS = 16 * 1024;
const MAX_NAME_CHARACTERS = 128;
const SOURCE = /^[a-z2-7]{16}$/;
const WITHHELD =
  '[not kept: the secrets of this app cannot be read, so they could not be taken out]';

interface IngestDeps {
  db: Database;
  origins: Origins;
  redactors: Redactors;
  stacks: StackSources;
  followers: LogFollowers;
  onError: (error: unknown) => void;
}

export interface LogIngest {
  /** Resolves when the batch is committed, now or before. @throws PlatformError */
  store(batch: LogBatch): Promise<void>;
}

export function createLogIngest({
  db,
  origins,
  redactors,
  stacks,
  followers,
  onError,
}: IngestDeps): LogIngest {
  /** What all entries of a deployment need; null for a deployment that there is not. */
  async function sourceOf(deployment: string): Promise<Source | null> {
    const origin = await origins.find(deployment);
    return origin === null ? null : { origin, redact: await redactorFor(deployment) };
  }

  /** One app whose secrets cannot be read must not hold up the log of all others: its lines are stored empty. */
  async function redactorFor(deployment: string): Promise<Redact> {
    try {
      return await redactors.redactorFor(deployment);
    } catch (error) {
      if (isPassing(error)) throw error;
      onError(error);
      return () => WITHHELD;
    }
  }

  async function prepare(entry: LogEntry, { origin, redact }: Source): Promise<NewLogEntry> {
    const text = mayHaveStack(entry) ? await resolved(entry, origin) : entry.text;
    return {
      ...entry,
      appId: origin.appId,
      text: cleaned(redact(text)),
      fields: entry.fields === null ? null : cleaned(redact(entry.fields)),
    };
  }

  async function resolved(entry: LogEntry, origin: LogOrigin): Promise<string> {
    const { bundle, files } = origin;
    const file = Object.hasOwn(files, entry.functionName) ? files[entry.functionName] : undefined;
    if (bundle === null || file === undefined) return entry.text;
    return stacks.resolve(bundle, file, entry.text);
  }

  return {
    async store(batch) {
      if (!isBatch(batch))
        throw new PlatformError('bad-request', 'this is no batch of log entries');
      const sources = new Map<string, Source | null>();
      const entries: NewLogEntry[] = [];
      for (const entry of batch.entries.filter(isEntry)) {
        const { deployment } = entry;
        const source = sources.get(deployment) ?? (await sourceOf(deployment));
        sources.set(deployment, source);
        if (source !== null) entries.push(await prepare(entry, source));
      }
      const isNew = await storeLogBatch(db, batch, entries);
      if (isNew) followers.announce(new Set(entries.map(({ appId }) => appId)));
    },
  };
}

interface Source {
  origin: LogOrigin;
  redact: Redact;
}

/** The whole batch comes again, and then it is as it should be. */
function isPassing(error: unknown): boolean {
  return error instanceof PlatformError && ERROR_TABLE[error.code].retryable;
}

function mayHaveStack({ kind, level, text }: LogEntry): boolean {
  return (kind === 'failure' || level === 'error') && text.includes('\n    at ');
}

/** The database takes any character but NUL. */
function cleaned(text: string): string {
  const whole = text.includes('\0') ? text.replaceAll('\0', '\u{fffd}') : text;
  return whole.slice(0, MAX_TEXT_CHARACTERS);
}

function isBatch(batch: LogBatch | null | undefined): batch is LogBatch {
  const { source, sequence, entries } = batch ?? {};
  return (
    typeof source === 'string' &&
    SOURCE.test(source) &&
    Number.isSafeInteger(sequence) &&
    Number(sequence) > 0 &&
    Array.isArray(entries) &&
    entries.length <= MAX_BATCH_ENTRIES
  );
}

function isEntry(entry: LogEntry | null | undefined): entry is LogEntry {
  return (
    entry !== null &&
    entry !== undefined &&
    Number.isFinite(entry.at) &&
    LOG_KINDS.includes(entry.kind) &&
    LOG_LEVELS.includes(entry.level) &&
    isName(entry.deployment) &&
    isName(entry.functionName) &&
    (entry.requestId === null || isName(entry.requestId)) &&
    typeof entry.text === 'string' &&
    (entry.fields === null || typeof entry.fields === 'string')
  );
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME_CHARACTERS && !value.includes('\0');
}
