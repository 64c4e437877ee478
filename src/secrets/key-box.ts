/** Private keys as they lie in the database, each encrypted with the master key and bound to whose it is. */
import type { SealedKeyColumns } from '../store/certificates.ts';
import type { SealedKeyPlace } from '../store/sealed-keys.ts';
import type { MasterKeys } from './master-keys.ts';
import { seal, unseal } from './sealed-box.ts';

export interface KeyOwner {
  place: SealedKeyPlace;
  id: string;
}

export interface KeyBox {
  /** Encrypts a key in PEM for `store`, which has stored it when it resolves. */
  seal<T>(
    owner: KeyOwner,
    key: string,
    store: (sealed: SealedKeyColumns) => Promise<T>,
  ): Promise<T>;
  /** @throws PlatformError master-key when it is encrypted with one that is not at hand. */
  open(owner: KeyOwner, sealed: SealedKeyColumns): string;
}

export function createKeyBox(masterKeys: MasterKeys): KeyBox {
  return {
    seal: (owner, key, store) =>
      masterKeys.use((masterKey, masterKeyId) =>
        store({ masterKeyId, sealedKey: sealKey(masterKey, owner, key) }),
      ),
    open: (owner, { masterKeyId, sealedKey }) =>
      unseal(masterKeys.byId(masterKeyId), associatedData(owner), sealedKey).toString(),
  };
}

/** The same key, encrypted with another master key. */
export function resealKey(
  { from, to }: { from: Buffer; to: Buffer },
  owner: KeyOwner,
  sealed: Buffer,
): Buffer {
  return seal(to, associatedData(owner), unseal(from, associatedData(owner), sealed));
}

function sealKey(masterKey: Buffer, owner: KeyOwner, key: string): Buffer {
  return seal(masterKey, associatedData(owner), Buffer.from(key));
}

function associatedData({ place, id }: KeyOwner): string {
  return `${place} key|${id}`;
}
