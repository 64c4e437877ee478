import type { Database } from '../store/database.ts';
import { listLive } from '../store/environment-deployments.ts';
import type { Environments } from './environments.ts';
import type { SealPort } from './ports.ts';
import { commitOf } from './variables.ts';

/** Makes again what deployments that are live must have: without its sealed file none of their workers starts. */
export interface SealedKeeper {
  /** Files that are not there. */
  restoreMissing(): Promise<void>;
  /** Those, and files that do not open: after a crash, or with a data folder from a backup. */
  restoreUnreadable(): Promise<void>;
}

interface Deps {
  db: Database;
  seal: SealPort;
  environments: Environments;
}

export function createSealedKeeper({ db, seal, environments }: Deps): SealedKeeper {
  async function restore(isSound: (id: string) => Promise<boolean>): Promise<void> {
    for (const live of await listLive(db)) {
      if (live.bundle === null || (await isSound(live.id))) continue;
      const owner = { ...live, bundle: live.bundle, commit: commitOf(live) };
      await seal.seal(live.id, await environments.assemble(owner));
    }
  }

  return {
    async restoreMissing() {
      const present = new Set(await seal.list());
      await restore(async (id) => present.has(id));
    },
    restoreUnreadable: () => restore(async (id) => (await seal.open(id)) !== null),
  };
}
