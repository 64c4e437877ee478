import type { Database } from '../store/database.ts';
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
}

export function createSealedKeeper({ db, seal, environments }: Deps): SealedKeeper {
  async function restore(
    attempt: Attempt,
    isSound: (id: string) => Promise<boolean>,
  ): Promise<void> {
    for (const live of await listLive(db)) {
      const { bundle } = live;
      if (bundle === null || (await isSound(live.id))) continue;
      const owner = { ...live, bundle, commit: commitOf(live) };
      await attempt(async () => seal.seal(live.id, await environments.assemble(owner)));
    }
  }

  return {
    async restoreMissing(attempt) {
      const present = new Set(await seal.list());
      await restore(attempt, async (id) => present.has(id));
    },
    restoreUnreadable: (attempt) => restore(attempt, async (id) => (await seal.open(id)) !== null),
  };
}
