import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { ensureApp } from '../../src/store/apps.ts';
import type { Database } from '../../src/store/database.ts';
import { saveDomain } from '../../src/store/domains.ts';
import { insertGitConnection } from '../../src/store/git-connections.ts';
import { addShareLink } from '../../src/store/private-apps.ts';
import { insertSshKey } from '../../src/store/ssh-keys.ts';
import { insertToken } from '../../src/store/tokens.ts';
import { MAX_SHARE_LINKS } from '../../src/protocol/snapshot.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

const LIMIT = 3;
/** With the one that holds them up, all connections to the database. */
const AT_ONCE = 7;
const NOW = new Date();
const LATER = new Date(Date.now() + 3_600_000);

async function setUp(): Promise<Database> {
  const db = await createDatabase();
  await ensureApp(db, { id: 'app-1', name: 'mine' });
  await insertToken(db, {
    id: 'tok-1',
    name: 'somebody',
    kind: 'personal',
    grants: [{ appId: null, role: 'admin' }],
    hash: randomBytes(32),
    prefix: 'fn_aaaaaa',
    createdBy: null,
    expiresAt: null,
  });
  return db;
}

interface Bounded {
  table: string;
  most: number;
  /** One more; whether it was taken. */
  take: (db: Database, n: number) => Promise<boolean>;
}

/** All whose number is bounded. */
const BOUNDED: Record<string, Bounded> = {
  'domains of an app': {
    table: 'domains',
    most: LIMIT,
    take: async (db, n) => {
      const target = { name: `d${n}.example.com`, targetRef: null, redirectTo: null };
      const settings = { ...target, createdBy: 'tok-1' };
      return (await saveDomain(db, 'app-1', { settings, limit: LIMIT, now: NOW })) !== null;
    },
  },
  'keys of a token': {
    table: 'ssh_keys',
    most: LIMIT,
    take: async (db, n) => {
      const id = `key-${n}`;
      const key = { id, name: 'k', algorithm: 'ssh-ed25519', publicKey: id, fingerprint: id };
      return typeof (await insertSshKey(db, { ...key, tokenId: 'tok-1' }, LIMIT)) !== 'string';
    },
  },
  'connected repositories of an app': {
    table: 'git_connections',
    most: LIMIT,
    take: (db, n) => {
      const made = { id: `git-${n}`, appId: 'app-1', url: `https://example.com/a/${n}` };
      const sealed = { masterKeyId: 'k1', sealedKey: randomBytes(8) };
      const row = { ...made, ...sealed, kind: 'github' as const, createdBy: 'tok-1' };
      return insertGitConnection(db, row, LIMIT);
    },
  },
  'share links of an app': {
    table: 'share_links',
    most: MAX_SHARE_LINKS,
    take: (db, n) =>
      addShareLink(db, 'app-1', {
        id: `link-${n}`,
        kind: 'production',
        target: '',
        createdBy: 'tok-1',
        expiresAt: LATER,
        hash: randomBytes(32),
      }),
  },
};

/** Begins them all while nobody can write to the table, and lets them go on when all wait for that. */
async function atOnce<T>(db: Database, table: string, begin: () => Promise<T>[]): Promise<T[]> {
  const begun = await db.transaction(async (tx) => {
    await tx.query(`LOCK TABLE ${table} IN SHARE MODE`);
    const running = Promise.all(begin());
    await eventually(async () => {
      // It is read once for a transaction otherwise.
      await tx.query('SELECT pg_stat_clear_snapshot()');
      const { rowCount } = await tx.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      expect(rowCount).toBe(AT_ONCE);
    });
    return { running };
  });
  return begun.running;
}

it.each(Object.entries(BOUNDED))(
  'of the last place for %s, one of many gets it',
  async (_, kind) => {
    const { table, most, take } = kind;
    const db = await setUp();
    for (let n = 1; n < most; n += 1) expect(await take(db, n)).toBe(true);
    const others = await atOnce(db, table, () =>
      Array.from({ length: AT_ONCE }, (_unused, n) => take(db, most + n)),
    );
    expect(others.filter(Boolean)).toHaveLength(1);
    expect(await take(db, most + AT_ONCE)).toBe(false);
  },
);
