import pg from 'pg';
import { PlatformError } from '../protocol/errors.ts';

/** What the query modules need: one connection, in a transaction or not. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
}

export interface Database extends Queryable {
  /** Runs `work` in one transaction; rolls back when it throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /**
   * Runs `work` while this process has the advisory lock of that name over all processes; answers null, and runs nothing,
   * where another has it. It takes one of the few connections for as long: `lost` aborts when that breaks, and with it
   * the lock.
   */
  tryLocked<T>(name: string, work: (lost: AbortSignal) => Promise<T>): Promise<T | null>;
  close(): Promise<void>;
}

const POOL_SIZE = 8;
const CONNECT_TIMEOUT_MS = 5_000;
/** No query of the platform should come near; one that does is stuck behind a lock. */
const STATEMENT_TIMEOUT_MS = 15_000;
/** A server that hangs ends no query by itself; above the former, so that one that works tells what it is. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 2_000;

/** More texts than the platform has; a connection keeps about 20 KB of each that it has had. */
const MAX_PREPARED = 500;
/** Text → name, for all connections alike. */
const statementNames = new Map<string, string>();

/** SQLSTATE classes in which the server, not the query, is at fault. */
const SERVER_DOWN = /^(08|53|57|58)/;
/** SQLSTATE of a change where none is taken: a standby, or one whose operator said so. */
const READ_ONLY = '25006';
const DISK_FULL = '53100';
/** SQLSTATE of text, and of jsonb, that Postgres cannot have: of what JavaScript's strings hold, that is NUL alone. */
const UNKNOWN_CHARACTER: ReadonlySet<unknown> = new Set(['22021', '22P05']);

export function openDatabase(url: string, onIdleError: (error: Error) => void): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    application_name: 'gitfn control',
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', onIdleError);
  return {
    query: (text, values) => pool.query(statementOf(text, values)).catch(translate),
    async transaction(work) {
      const client = await pool.connect().catch(translate);
      let failure: Error | undefined;
      // A connection may break between two queries; the next one tells.
      client.on('error', onIdleError);
      try {
        await client.query('BEGIN');
        const result = await work({
          query: (text, values) => client.query(statementOf(text, values)),
        });
        await client.query('COMMIT');
        return result;
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
        // With a connection that is given up goes its transaction, and it may answer nothing any more.
        if (!isConnectionLost(failure)) await client.query('ROLLBACK').catch(() => {});
        return translate(failure);
      } finally {
        client.off('error', onIdleError);
        client.release(isConnectionLost(failure) ? failure : undefined);
      }
    },
    async tryLocked(name, work) {
      const client = await pool.connect().catch(translate);
      const lost = new AbortController();
      const onError = (error: Error): void => lost.abort(error);
      client.on('error', onError);
      try {
        if (!(await takeLock(client, name))) return null;
        return await work(lost.signal);
      } finally {
        client.off('error', onError);
        // With its connection goes the lock, whatever became of it.
        client.release(true);
      }
    },
    close: () => pool.end(),
  };
}

/** A connection parses and plans a text once: what joins a few tables takes Postgres a fifth of the time then. */
function statementOf(text: string, values: unknown[] | undefined): pg.QueryConfig {
  // Without values there may be several statements in it, which cannot be prepared.
  if (values === undefined) return { text };
  const known = statementNames.get(text) ?? `s${statementNames.size}`;
  if (statementNames.size < MAX_PREPARED) statementNames.set(text, known);
  return statementNames.has(text) ? { name: known, text, values } : { text, values };
}

/** The lock is of the whole connection, so it outlasts transactions and ends with the process at the latest. */
async function takeLock(client: pg.PoolClient, name: string): Promise<boolean> {
  const { rows } = await client
    .query<{ isOurs: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS "isOurs"',
      [name],
    )
    .catch(translate);
  return rows[0]?.isOurs === true;
}

/** Below the second that a readiness probe waits. */
const PROBE_MS = 700;

/** Whether the server answers now, and takes changes. */
export async function isDatabaseUp(db: Queryable): Promise<boolean> {
  const tooLate = new Promise<boolean>((resolve) => setTimeout(resolve, PROBE_MS, false).unref());
  const answers = db
    .query<{ takesChanges: boolean }>(
      `SELECT current_setting('transaction_read_only') = 'off' AS "takesChanges"`,
    )
    .then(
      ({ rows }) => rows[0]?.takesChanges === true,
      () => false,
    );
  return Promise.race([answers, tooLate]);
}

function isConnectionLost(error: Error | undefined): boolean {
  return error !== undefined && !('severity' in error) && !(error instanceof PlatformError);
}

function translate(error: unknown): never {
  const code = (error as { code?: unknown }).code;
  if (UNKNOWN_CHARACTER.has(code)) {
    throw new PlatformError('bad-request', 'the request has a NUL character where none can be', {
      cause: error,
    });
  }
  if (code === READ_ONLY) {
    throw new PlatformError('database-down', 'the database takes no changes: it is read-only', {
      hint: 'try again when its operator has made it writable; /readyz tells',
      cause: error,
    });
  }
  if (code === DISK_FULL) {
    throw new PlatformError('disk-full', 'the disk of the database is full', {
      hint: 'whoever runs the server makes room on it; then try again',
      cause: error,
    });
  }
  const isNetwork = typeof code === 'string' && /^E[A-Z]+$/.test(code);
  const isServer = typeof code === 'string' && SERVER_DOWN.test(code);
  const isTimeout =
    error instanceof Error && /timeout|Connection terminated/i.test(error.message) && !code;
  if (isNetwork || isServer || isTimeout) {
    throw new PlatformError('database-down', 'the database is not answering', {
      hint: 'try again in a moment; `fn doctor` shows what is down',
      cause: error,
    });
  }
  throw error;
}
