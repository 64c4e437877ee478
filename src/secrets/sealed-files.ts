import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SealedEnvironment } from '../model/environment.ts';
import { writeFileAtomically } from '../std/atomic-file.ts';
import { KeyedMutex } from '../std/mutex.ts';
import type { MasterKeys } from './master-keys.ts';
import { openEnvironment, sealEnvironment } from './sealed.ts';

/** The sealed environment of each deployment, as control writes it. */
export interface SealedFiles {
  seal(deploymentId: string, environment: SealedEnvironment): Promise<void>;
  /** Null when there is none that opens. */
  open(deploymentId: string): Promise<SealedEnvironment | null>;
  /** No harm where there is none. */
  remove(deploymentIds: string[]): Promise<void>;
  /** The deployments that have one. Cheap, however many there are. */
  list(): Promise<string[]>;
  /** Those that were sealed at least so long ago. */
  listOlderThan(ageMs: number): Promise<string[]>;
  /**
   * Seals again with the newest master key whatever opens with one of them, and removes what does not: a file that is
   * missing is made again (deploy/sealed-keeper.ts), and one that opens with a key that is gone would not be.
   */
  resealAll(): Promise<void>;
}

const ENDING = '.sealed';

export function createSealedFiles(masterKeys: MasterKeys, folder: string): SealedFiles {
  const turns = new KeyedMutex();
  const fileOf = (id: string): string => join(folder, id + ENDING);

  async function list(): Promise<string[]> {
    const names = await readdir(folder);
    return names
      .filter((name) => name.endsWith(ENDING))
      .map((name) => name.slice(0, -ENDING.length));
  }

  async function open(id: string): Promise<SealedEnvironment | null> {
    try {
      return openEnvironment(masterKeys.all, id, await readFile(fileOf(id)));
    } catch {
      return null; // It is missing, cut, or sealed with a key that is gone: all the same to who asks.
    }
  }

  /** The caller has the turn of the file. */
  function write(id: string, environment: SealedEnvironment): Promise<void> {
    return masterKeys.use((key) =>
      writeFileAtomically(fileOf(id), sealEnvironment(key, id, environment)),
    );
  }

  return {
    open,
    list,
    seal: (id, environment) => turns.run(id, () => write(id, environment)),
    remove: async (ids) => {
      await Promise.all(ids.map((id) => turns.run(id, () => rm(fileOf(id), { force: true }))));
    },
    listOlderThan: async (ageMs) => {
      const old: string[] = [];
      for (const id of await list()) {
        const status = await stat(fileOf(id)).catch(() => null); // Removed meanwhile.
        if (status !== null && Date.now() - status.mtimeMs >= ageMs) old.push(id);
      }
      return old;
    },
    resealAll: async () => {
      for (const id of await list()) {
        await turns.run(id, async () => {
          const environment = await open(id);
          if (environment !== null) await write(id, environment);
          else await rm(fileOf(id), { force: true });
        });
      }
    },
  };
}
