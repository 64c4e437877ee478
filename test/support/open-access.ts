import { createAccess, type Access, type Actor } from '../../src/access/index.ts';
import { ensureApp } from '../../src/store/apps.ts';
import type { Database } from '../../src/store/database.ts';
import { createDatabase } from './database.ts';
import { shiftedClock, type ShiftedClock } from './shifted-clock.ts';

/** Text of the operator's first token. */
export const FIRST = `fn_${'a'.repeat(40)}`;
/** Where the asker is, as far as it is no matter. */
export const HERE = '192.0.2.1';

interface OpenAccess {
  db: Database;
  access: Access;
  /** Who holds the first token. */
  admin: Actor;
  clock: ShiftedClock;
}

/** Access over a database of its own, with the apps `mine` (app-1) and `theirs` (app-2). */
export async function openAccess(): Promise<OpenAccess> {
  const db = await createDatabase();
  await ensureApp(db, { id: 'app-1', name: 'mine' });
  await ensureApp(db, { id: 'app-2', name: 'theirs' });
  const clock = shiftedClock(0);
  const access = createAccess({ db, clock, onError: () => {} });
  await access.tokens.adoptAdmin(FIRST);
  return { db, access, clock, admin: await access.authenticate(FIRST, HERE) };
}
