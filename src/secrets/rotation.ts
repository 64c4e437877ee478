import { PlatformError } from '../protocol/errors.ts';
import type { Database } from '../store/database.ts';
import {
  findMasterKeyId,
  lockDataKeysOfOthers,
  recordMasterKeyId,
  replaceDataKey,
} from '../store/data-keys.ts';
import { lockSealedKeysOfOthers, replaceSealedKey } from '../store/sealed-keys.ts';
import { unwrapDataKey, wrapDataKey } from './data-keys.ts';
import { resealKey } from './key-box.ts';
import { MAX_MASTER_KEYS, masterKeyId } from './master-key-file.ts';
import type { MasterKeys } from './master-keys.ts';
import type { SealedFiles } from './sealed-files.ts';

/**
 * Replaces the master key while everything serves. The key's file holds the new key and the old one until nothing is
 * left that needs the old one, so that each point at which it all may stop is one that the next start goes on from:
 *
 *     1. the supervisor writes both keys into the file   a worker that starts opens files of either
 *     2. data keys and private keys are wrapped anew     one transaction
 *     3. the sealed files are sealed anew                each replaced whole
 *     4. the supervisor writes the new key alone
 */
export interface Rotation {
  /**
   * To be called once, before anything is encrypted: refuses a master key that is not this database's, and completes
   * a rotation that was interrupted. @throws PlatformError master-key
   */
  settle(): Promise<void>;
  /** @throws PlatformError conflict while one is under way */
  rotate(): Promise<{ keyId: string }>;
}

/** The supervisor, which alone writes the key's file. */
export interface MasterKeyFile {
  /** Adds a new key before those in the file; answers with all that are in it then. */
  add(): Promise<Buffer[]>;
  /** Leaves only the newest in the file; answers with it. */
  retireOld(): Promise<Buffer[]>;
}

interface Deps {
  db: Database;
  masterKeys: MasterKeys;
  sealedFiles: readonly Pick<SealedFiles, 'resealAll'>[];
  file: MasterKeyFile;
}

export function createRotation({ db, masterKeys, sealedFiles, file }: Deps): Rotation {
  let isRunning = false;

  function rewrapKeys(): Promise<void> {
    return masterKeys.use((newest, id) =>
      db.transaction(async (tx) => {
        for (const { appId, masterKeyId: former, wrapped } of await lockDataKeysOfOthers(tx, id)) {
          const key = unwrapDataKey(masterKeys.byId(former), appId, wrapped);
          const rewrapped = wrapDataKey(newest, appId, key);
          await replaceDataKey(tx, { appId, masterKeyId: id, wrapped: rewrapped });
        }
        for (const key of await lockSealedKeysOfOthers(tx, id)) {
          const from = masterKeys.byId(key.masterKeyId);
          const sealedKey = resealKey({ from, to: newest }, key, key.sealedKey);
          await replaceSealedKey(tx, { ...key, masterKeyId: id, sealedKey });
        }
        await recordMasterKeyId(tx, id);
      }),
    );
  }

  async function complete(): Promise<void> {
    await rewrapKeys();
    for (const folder of sealedFiles) await folder.resealAll();
    await masterKeys.replace(await file.retireOld());
  }

  return {
    async settle() {
      const stored = await findMasterKeyId(db);
      if (stored === null) return recordMasterKeyId(db, masterKeys.currentId);
      if (!masterKeys.all.some((key) => masterKeyId(key) === stored)) {
        throw wrongKey(masterKeys.currentId, stored);
      }
      if (masterKeys.all.length > 1) await complete();
    },

    async rotate() {
      if (isRunning) throw underWay();
      isRunning = true;
      try {
        // One that failed half-way is completed instead of beginning another.
        if (masterKeys.all.length < MAX_MASTER_KEYS) await masterKeys.replace(await file.add());
        await complete();
        return { keyId: masterKeys.currentId };
      } finally {
        isRunning = false;
      }
    },
  };
}

function wrongKey(given: string, wanted: string): PlatformError {
  return new PlatformError(
    'master-key',
    `the master key (${given}) is not the one that this database's values are encrypted with (${wanted})`,
    {
      hint: 'nothing was changed; put back the right file from a backup: FN_MASTER_KEY_FILE, or master-key in the data folder',
    },
  );
}

function underWay(): PlatformError {
  return new PlatformError('conflict', 'the master key is being replaced already', {
    hint: 'it takes seconds; nothing has to be done',
  });
}
