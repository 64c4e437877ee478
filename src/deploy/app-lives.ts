import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import { failpoint } from '../std/failpoint.ts';
import { newId } from '../std/ids.ts';
import { KeyedMutex } from '../std/mutex.ts';
import {
  beginApp,
  deleteApp,
  findApp,
  listUnsettledApps,
  settleApp,
  type App,
} from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import {
  beginDeletion,
  deleteLogs,
  listBundleHashes,
  listDeploymentIds,
} from '../store/deleted-apps.ts';
import type { ActivePushes } from './active-pushes.ts';
import type { Attempt } from './attempt.ts';
import type { RepositoryPort, SealPort } from './ports.ts';
import type { Publisher } from './publisher.ts';

/**
 * How apps that the API makes come to be, and how apps end. Whichever step a crash comes behind, the next round of the
 * reconciler goes on from there.
 */
export interface AppLives {
  /** An app that nobody finds before `settle`. @throws PlatformError conflict when the name is taken */
  begin(name: string): Promise<App>;
  /** Its first commit is in its repository: now it is there for everybody. */
  settle(app: App): Promise<void>;
  /**
   * Nothing of the app is served or found once this resolves, and its name is free; the files and rows that are its own
   * are gone, or go as soon as they can.
   */
  end(app: Pick<App, 'id'>): Promise<void>;
  /** Whether it comes to be is the reconciler's to find out: nobody knows whether its commit is there. */
  leave(app: Pick<App, 'id'>): void;
  /** Apps whose making was cut off are there from now on, or go: each in an attempt of its own. */
  settleBegun(attempt: Attempt): Promise<void>;
  /** Takes away the files and rows of apps that go: each in an attempt of its own. It may take minutes. */
  clearEnded(attempt: Attempt): Promise<void>;
}

interface Deps {
  db: Database;
  publisher: Pick<Publisher, 'publish' | 'doubt'>;
  seal: Pick<SealPort, 'remove'>;
  repository: Pick<RepositoryPort, 'listRefs' | 'remove'>;
  bundles: { remove(hash: string): Promise<void> };
  dependencyCache: { remove(appId: string): Promise<void> };
  active: Pick<ActivePushes, 'endAll'>;
  /** Of its domains there are certificates no more, and nobody follows it on. Must not throw. */
  onEnded: (appId: string) => void;
  /** Those of releases: nothing goes live between a look at the app and its end. */
  locks: KeyedMutex;
  clock: Clock;
  onError: (error: unknown) => void;
}

export function createAppLives(deps: Deps): AppLives {
  const { db, publisher, repository, locks, clock, onError } = deps;
  /** Apps that this process is making. */
  const begun = new Set<string>();
  /** One at a time for each app. */
  const clearings = new KeyedMutex();

  /** Rows last: while there is one, the reconciler comes back. */
  async function clear(appId: string): Promise<void> {
    await deps.active.endAll(appId);
    await deps.seal.remove(await listDeploymentIds(db, appId));
    await repository.remove(appId);
    await failpoint('app.repository-gone');
    for (const hash of await listBundleHashes(db, appId)) await deps.bundles.remove(hash);
    await failpoint('app.bundles-gone');
    await deps.dependencyCache.remove(appId);
    await deleteLogs(db, appId);
    await deleteApp(db, appId);
    // What its workers said at their end may have come between.
    await deleteLogs(db, appId);
  }

  function doubtAndThrow(error: unknown): never {
    publisher.doubt();
    throw error;
  }

  async function hide(id: string): Promise<void> {
    try {
      await locks.run(id, () => beginDeletion(db, id, new Date(clock.now()))).catch(doubtAndThrow);
    } finally {
      begun.delete(id); // Whatever came of it, the reconciler may go on.
    }
    await failpoint('app.hidden');
    deps.onEnded(id);
    await publisher.publish();
  }

  async function settle({ id }: Pick<App, 'id'>): Promise<void> {
    await settleApp(db, id).finally(() => begun.delete(id));
  }

  /** Whether its commit is there decides: before it nobody was told of the app. */
  async function settleInterrupted(id: string): Promise<void> {
    const { isBusy, refs } = await repository.listRefs(id);
    if (isBusy || begun.has(id)) return;
    await (refs.length > 0 ? settle({ id }) : hide(id));
  }

  return {
    settle,
    leave: ({ id }) => void begun.delete(id),
    async end({ id }) {
      await hide(id);
      await clearings.run(id, () => clear(id)).catch(onError);
    },
    async begin(name) {
      const id = newId('app');
      // Before the row is there: the reconciler must not take it for one that a crash has left.
      begun.add(id);
      const forgetAndThrow = (error: unknown): never => {
        begun.delete(id);
        throw error;
      };
      const isNew = await beginApp(db, { id, name }).catch(forgetAndThrow);
      const app = isNew ? await findApp(db, id).catch(forgetAndThrow) : null;
      if (app !== null) return app;
      begun.delete(id);
      throw new PlatformError('conflict', `there is an app named ${name} already`, {
        hint: 'choose another name',
      });
    },
    async settleBegun(attempt) {
      for (const { id, state } of await listUnsettledApps(db)) {
        if (state === 'creating' && !begun.has(id)) await attempt(() => settleInterrupted(id));
      }
    },
    async clearEnded(attempt) {
      for (const { id, state } of await listUnsettledApps(db)) {
        if (state === 'deleting') await attempt(() => clearings.run(id, () => clear(id)));
      }
    },
  };
}
