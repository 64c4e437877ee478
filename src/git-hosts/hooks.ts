import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import type { Database } from '../store/database.ts';
import { insertGitDelivery } from '../store/git-deliveries.ts';
import type { Connections } from './connections.ts';
import { readHook } from './read-event.ts';
import { isSigned, type Hook } from './signature.ts';

/** Takes webhooks in: nothing is done about one before it is stored, and each is stored once. */
export interface Hooks {
  /**
   * What becomes of it: `ignored` for what nothing is done about, `known` for one that was taken before.
   * @throws PlatformError unauthenticated, also for a connection that there is none of; bad-request; busy
   */
  accept(connectionId: string, hook: Hook): Promise<'taken' | 'known' | 'ignored'>;
}

interface Deps {
  db: Database;
  connections: Pick<Connections, 'open'>;
  clock: Clock;
  /** Something is to be worked on. */
  onTaken: () => void;
}

/** Of one connection; a host sends them again later. */
const MAX_WAITING = 100;

export function createHooks({ db, connections, clock, onTaken }: Deps): Hooks {
  return {
    async accept(connectionId, hook) {
      const connection = await connections.open(connectionId);
      const nowMs = clock.now();
      if (
        connection === null ||
        !isSigned(connection.kind, connection.webhookSecret, hook, nowMs)
      ) {
        throw notSigned();
      }
      const read = readHook(connection.kind, hook);
      if (read === null) throw notRead();
      const { delivery, event } = read;
      if (event === null) return 'ignored';
      const limits = { now: new Date(nowMs), limit: MAX_WAITING };
      const outcome = await insertGitDelivery(db, { connectionId, delivery, event }, limits);
      if (outcome === 'full') throw full();
      if (outcome === 'taken') onTaken();
      return outcome;
    },
  };
}

function notSigned(): PlatformError {
  return new PlatformError(
    'unauthenticated',
    'this webhook is not known, or not signed by its host',
    {
      hint: 'give the host the URL and the secret that fn git-hosts connect has shown',
    },
  );
}

function notRead(): PlatformError {
  return new PlatformError(
    'bad-request',
    'the webhook is signed, but has no delivery id or no JSON',
    {
      hint: 'have the host send its webhook as application/json',
    },
  );
}

function full(): PlatformError {
  return new PlatformError('busy', `${MAX_WAITING} deliveries of this connection wait already`, {
    hint: 'send it again later',
  });
}
