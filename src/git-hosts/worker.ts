import { ERROR_TABLE, PlatformError } from '../protocol/errors.ts';
import { shortSha } from '../protocol/display.ts';
import type { Clock } from '../std/clock.ts';
import type { Database } from '../store/database.ts';
import { findGitComment, keepGitComment, noteGitConnection } from '../store/git-connections.ts';
import {
  forgetGitDeliveries,
  requeueGitDeliveries,
  settleGitDelivery,
  takeGitDelivery,
  type GitDelivery,
} from '../store/git-deliveries.ts';
import type { Connections } from './connections.ts';
import type { RefFetcher } from './fetch-ref.ts';
import { createHostApi, type CommitStatus } from './host-api.ts';
import type { HostClient } from './host-client.ts';
import type { FetchedRef, OpenConnection } from './ports.ts';

/** Works on what hooks have taken in, a delivery of each connection at a time, until it has succeeded or was given up. */
export interface DeliveryWorker {
  /** Stops when the signal aborts. */
  start(signal: AbortSignal): void;
  /** There is something new. */
  wake(): void;
}

interface Deps {
  db: Database;
  connections: Pick<Connections, 'open'>;
  fetcher: RefFetcher;
  client: HostClient;
  /** Where what a ref has deployed answers; null when nothing does. */
  urlOf: (appId: string, ref: string) => Promise<string | null>;
  clock: Clock;
  onError: (error: unknown) => void;
}

const ROUND_MS = 10_000;
const AT_ONCE = 2;
/** Waits before each further attempt; behind the last it is given up. */
const RETRY_MS = [10_000, 30_000, 120_000, 600_000, 1_800_000];
const KEPT_MS = 7 * 24 * 3_600_000;

export function createDeliveryWorker(deps: Deps): DeliveryWorker {
  const { db, clock, onError } = deps;
  let running = 0;
  let stopped: AbortSignal = AbortSignal.abort();
  let cancel = (): void => {};

  async function workOn(delivery: GitDelivery): Promise<void> {
    const connection = await deps.connections.open(delivery.connectionId);
    if (connection === null) return settleGitDelivery(db, delivery, 'failed');
    try {
      const trouble = await carryOut(deps, connection, { event: delivery.event, signal: stopped });
      if (stopped.aborted) return; // The next start takes it up again.
      // It is deployed already: brought again, it is told of and not built again.
      const next = isPassing(trouble) ? attemptAfter(delivery, trouble) : 'done';
      await settleGitDelivery(db, delivery, next);
      await noteGitConnection(db, connection.id, describe(trouble));
    } catch (error) {
      if (stopped.aborted) return;
      await settleGitDelivery(db, delivery, attemptAfter(delivery, error));
      await noteGitConnection(db, connection.id, describe(error));
      if (!(error instanceof PlatformError)) onError(error);
    }
  }

  function attemptAfter({ attempts }: GitDelivery, error: unknown): Date | 'failed' {
    const waitMs = RETRY_MS[attempts - 1];
    if (waitMs === undefined) return 'failed';
    const { retryAfterS = 0 } = error instanceof PlatformError ? error : {};
    return new Date(clock.now() + Math.max(waitMs, retryAfterS * 1_000));
  }

  async function fill(): Promise<void> {
    while (running < AT_ONCE && !stopped.aborted) {
      running += 1;
      const delivery = await takeGitDelivery(db, new Date(clock.now())).catch(onError);
      if (delivery === null || delivery === undefined) {
        running -= 1;
        return;
      }
      void workOn(delivery)
        .catch(onError)
        .finally(() => {
          running -= 1;
          void fill();
        });
    }
  }

  async function round(): Promise<void> {
    await forgetGitDeliveries(db, new Date(clock.now() - KEPT_MS)).catch(onError);
    await fill();
    if (!stopped.aborted) cancel = clock.after(ROUND_MS, () => void round());
  }

  return {
    start(signal) {
      stopped = signal;
      signal.addEventListener('abort', () => cancel(), { once: true });
      void requeueGitDeliveries(db).catch(onError).then(round);
    },
    wake: () => void fill(),
  };
}

interface Work {
  event: GitDelivery['event'];
  signal: AbortSignal;
}

/**
 * What the host could not be told does not undo what was deployed; the last of it is returned.
 * @throws what `bring` does
 */
async function carryOut(
  { db, fetcher, client, urlOf }: Deps,
  connection: OpenConnection,
  { event, signal }: Work,
): Promise<unknown> {
  const api = createHostApi(client, signal);
  let trouble: unknown = null;
  const tell = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      trouble = error;
    }
  };
  const { ref } = event;
  const pending = (sha: string): CommitStatus => {
    return { sha, state: 'pending', description: 'building', url: null };
  };
  const onFound = (sha: string): Promise<void> =>
    tell(() => api.setStatus(connection, pending(sha)));
  const fetched = await fetcher.bring({ connection, ref, onFound, signal });
  if (fetched.kind === 'removed') return trouble;
  const url = await urlOf(connection.appId, ref);
  trouble = null; // Who hears the end has missed nothing.
  await tell(() => api.setStatus(connection, statusOf(fetched, url)));
  if (event.kind === 'request') {
    const { request } = event;
    await tell(async () => {
      const existing = await findGitComment(db, connection.id, request);
      const text = commentOf(connection, fetched, url);
      const comment = await api.putComment(connection, { request, existing, text });
      await keepGitComment(db, connection.id, { request, comment });
    });
  }
  return trouble;
}

type Ended = Exclude<FetchedRef, { kind: 'removed' }>;

function statusOf(ended: Ended, url: string | null): CommitStatus {
  const { sha } = ended;
  if (ended.kind === 'refused') {
    return { sha, state: 'failure', description: ended.reason, url: null };
  }
  return { sha, state: 'success', description: url === null ? 'deployed' : `live at ${url}`, url };
}

function commentOf({ appName }: OpenConnection, ended: Ended, url: string | null): string {
  const commit = shortSha(ended.sha);
  if (ended.kind === 'deployed') return `**${appName}** at ${commit}: ${url ?? 'deployed'}`;
  // In a block of its own: what a build prints is a stranger's, and shall mention nobody.
  const reason = ended.reason.replaceAll('`', "'");
  return `**${appName}** at ${commit} was not deployed:\n\n\`\`\`\n${reason}\n\`\`\``;
}

function isPassing(trouble: unknown): boolean {
  return trouble instanceof PlatformError && ERROR_TABLE[trouble.code].retryable;
}

function describe(trouble: unknown): { problem: string | null; hint: string | null } {
  if (trouble === null) return { problem: null, hint: null };
  if (trouble instanceof PlatformError) {
    return { problem: trouble.message, hint: trouble.hint ?? null };
  }
  return { problem: 'the platform failed', hint: 'the log of the server has the reason' };
}
