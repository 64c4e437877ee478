import { randomBytes } from 'node:crypto';
import type { KeyBox } from '../secrets/index.ts';
import { randomName } from '../std/ids.ts';
import { insertAuditKey, listAuditKeys, lockAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import type { AuditKeys } from './ports.ts';

const KEY_BYTES = 32;
const ID_CHARACTERS = 12;

interface Deps {
  db: Database;
  keyBox: Pick<KeyBox, 'seal' | 'open'>;
}

/**
 * The keys of this installation's log; one is made where there is none. They stay the same when the master key that
 * they are encrypted with is replaced, so that old entries can be proved for ever.
 */
export async function openAuditKeys({ db, keyBox }: Deps): Promise<AuditKeys> {
  const opened = (await listOrMake({ db, keyBox })).map(({ id, ...sealed }) => ({
    id,
    key: Buffer.from(keyBox.open({ place: 'audit', id }, sealed), 'base64'),
  }));
  const [current] = opened;
  if (current === undefined) throw new Error('one was made just now');
  return { current, byId: (id) => opened.find((known) => known.id === id)?.key ?? null };
}

function listOrMake({ db, keyBox }: Deps) {
  const id = randomName(ID_CHARACTERS);
  const key = randomBytes(KEY_BYTES).toString('base64');
  return keyBox.seal({ place: 'audit', id }, key, (sealed) =>
    db.transaction(async (tx) => {
      await lockAudit(tx);
      const known = await listAuditKeys(tx);
      if (known.length > 0) return known;
      await insertAuditKey(tx, { id, ...sealed });
      return listAuditKeys(tx);
    }),
  );
}
