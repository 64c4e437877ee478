import type { KeyedMutex } from '../std/mutex.ts';
import type { Database } from '../store/database.ts';
import { findDeployment, type Deployment } from '../store/deployments.ts';
import { listLive } from '../store/environment-deployments.ts';
import type { Attempt } from './attempt.ts';
import type { Environments } from './environments.ts';
import type { SealPort } from './ports.ts';
import { commitOf } from './variables.ts';

/**
 * Makes again what deployments that are live must have: without its sealed file none of their workers starts. Each in an
 * attempt of its own: one whose bundle is damaged has no environment.
 */
export interface SealedKeeper {
  /** Files that are not there. */
  restoreMissing(attempt: Attempt): Promise<void>;
  /** Those, and files that do not open: after a crash, or with a data folder from a backup. */
  restoreUnreadable(attempt: Attempt): Promise<void>;
}

interface Deps {
  db: Database;
  seal: SealPort;
  environments: Environments;
  /** Those of changes of an app's environment. */
  locks: KeyedMutex;
}

export function createSealedKeeper({ db, seal, environments, locks }: Deps): SealedKeeper {
  async function restore(
    attempt: Attempt,
    isSound: (id: string) => Promise<boolean>,
  ): Promise<void> {
    for (const live of await listLive(db)) {
      if (await isSound(live.id)) continue;
      await attempt(() => locks.run(live.appId, () => sealAgain(live, isSound)));
    }
  }

  /** While others were sealed, a change may have brought newer values. */
  async function sealAgain(
    { appName, id }: Pick<Deployment, 'id'> & { appName: string },
    isSound: (id: string) => Promise<boolean>,
  ): Promise<void> {
    const live = await findDeployment(db, id);
    if (live?.state !== 'live' || live.bundle === null || (await isSound(id))) return;
    const owner = { ...live, appName, bundle: live.bundle, commit: commitOf(live) };
    await seal.seal(id, await environments.assemble(owner));
  }

  return {
    async restoreMissing(attempt) {
      const present = new Set(await seal.list());
      // One that is missing is looked at again.
      await restore(attempt, async (id) => present.has(id) || (await seal.open(id)) !== null);
    },
    restoreUnreadable: (attempt) => restore(attempt, async (id) => (await seal.open(id)) !== null),
  };
}
