import { PlatformError } from '../protocol/errors.ts';
import { masterKeyId } from './master-key-file.ts';

/**
 * The master keys as control holds them. What encrypts does so inside `use`, so that a rotation knows when the last
 * thing that was encrypted with an older key is where it will be found.
 */
export interface MasterKeys {
  /** Newest first. */
  readonly all: readonly Buffer[];
  readonly currentId: string;
  /** @throws PlatformError master-key when none of the keys has that id. */
  byId(id: string): Buffer;
  /** Calls `work` with the newest key; what it has encrypted is stored when it resolves. */
  use<T>(work: (key: Buffer, id: string) => Promise<T>): Promise<T>;
  /** From now on these are used; resolves when nothing that used the former ones is under way. */
  replace(keys: readonly Buffer[]): Promise<void>;
}

export function createMasterKeys(first: readonly Buffer[]): MasterKeys {
  let keys = withIds(first);
  let uses = new Set<Promise<unknown>>();
  return {
    get all() {
      return keys.map(({ key }) => key);
    },
    get currentId() {
      return newest(keys).id;
    },
    byId(id) {
      const found = keys.find((entry) => entry.id === id);
      if (found !== undefined) return found.key;
      throw new PlatformError('master-key', `no master key with the id ${id} is at hand`, {
        hint: 'restore the file that FN_MASTER_KEY_FILE names from a backup',
      });
    },
    async use(work) {
      const { key, id } = newest(keys);
      const generation = uses;
      const running = work(key, id);
      generation.add(running);
      try {
        return await running;
      } finally {
        generation.delete(running);
      }
    },
    async replace(next) {
      const before = uses;
      keys = withIds(next);
      uses = new Set();
      await Promise.allSettled(before);
    },
  };
}

interface KnownKey {
  key: Buffer;
  id: string;
}

function withIds(keys: readonly Buffer[]): KnownKey[] {
  return keys.map((key) => ({ key, id: masterKeyId(key) }));
}

function newest([first]: KnownKey[]): KnownKey {
  if (first === undefined) throw new Error('there is always a master key');
  return first;
}
