import { randomBytes } from 'node:crypto';
import { findDataKey, insertDataKey } from '../store/data-keys.ts';
import type { Queryable } from '../store/database.ts';
import type { MasterKeys } from './master-keys.ts';
import { KEY_BYTES, seal, unseal } from './sealed-box.ts';

/** The key that an app's values are encrypted with, or null when it has none yet. */
export async function openDataKey(
  db: Queryable,
  masterKeys: MasterKeys,
  appId: string,
): Promise<Buffer | null> {
  const row = await findDataKey(db, appId);
  if (row === null) return null;
  return unwrapDataKey(masterKeys.byId(row.masterKeyId), appId, row.wrapped);
}

/** The same; made now when there is none. To be called inside `MasterKeys.use`, for as long as the transaction. */
export async function ensureDataKey(
  tx: Queryable,
  masterKeys: MasterKeys,
  appId: string,
): Promise<Buffer> {
  const existing = await openDataKey(tx, masterKeys, appId);
  if (existing !== null) return existing;
  const key = randomBytes(KEY_BYTES);
  const [newest] = masterKeys.all;
  if (newest === undefined) throw new Error('there is always a master key');
  const wrapped = wrapDataKey(newest, appId, key);
  await insertDataKey(tx, { appId, masterKeyId: masterKeys.currentId, wrapped });
  return key;
}

export function wrapDataKey(masterKey: Buffer, appId: string, key: Buffer): Buffer {
  return seal(masterKey, `data-key|${appId}`, key);
}

export function unwrapDataKey(masterKey: Buffer, appId: string, wrapped: Buffer): Buffer {
  return unseal(masterKey, `data-key|${appId}`, wrapped);
}
