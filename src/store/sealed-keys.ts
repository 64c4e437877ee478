import type { SealedKeyColumns } from './certificates.ts';
import type { Queryable } from './database.ts';

/** Where keys lie that are encrypted with the master key itself, and which column says whose each is. */
const PLACES = {
  'acme-account': { table: 'acme_accounts', id: 'directory' },
  audit: { table: 'audit_keys', id: 'id' },
  certificate: { table: 'certificates', id: 'id' },
  'git-connection': { table: 'git_connections', id: 'id' },
  'local-authority': { table: 'local_authorities', id: 'id' },
  order: { table: 'certificate_schedule', id: 'name' },
} as const;

export type SealedKeyPlace = keyof typeof PLACES;

export interface PlacedKey extends SealedKeyColumns {
  place: SealedKeyPlace;
  id: string;
}

/** Those that are encrypted with another master key than this one, locked until the transaction ends. */
export async function lockSealedKeysOfOthers(
  tx: Queryable,
  masterKeyId: string,
): Promise<PlacedKey[]> {
  const found: PlacedKey[] = [];
  for (const place of Object.keys(PLACES) as SealedKeyPlace[]) {
    const { table, id } = PLACES[place];
    const { rows } = await tx.query<PlacedKey>(
      `SELECT '${place}' AS place, ${id} AS id, master_key_id AS "masterKeyId",
         sealed_key AS "sealedKey"
       FROM ${table} WHERE master_key_id <> $1 AND sealed_key IS NOT NULL FOR UPDATE`,
      [masterKeyId],
    );
    found.push(...rows);
  }
  return found;
}

export async function replaceSealedKey(tx: Queryable, key: PlacedKey): Promise<void> {
  const { table, id } = PLACES[key.place];
  await tx.query(`UPDATE ${table} SET master_key_id = $2, sealed_key = $3 WHERE ${id} = $1`, [
    key.id,
    key.masterKeyId,
    key.sealedKey,
  ]);
}
