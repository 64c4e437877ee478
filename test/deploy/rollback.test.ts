import { describe, expect, it } from 'vitest';
import { findRelease, previousRelease } from '../../src/deploy/rollback.ts';
import { ensureApp } from '../../src/store/apps.ts';
import type { Database, Queryable } from '../../src/store/database.ts';
import { createDatabase } from '../support/database.ts';

const APP = 'app-1';

interface Release {
  version: number;
  source: number | null;
  trigger: string;
  commit: string;
}

/** Of a commit that is its version's digit over and over. */
function release(version: number, source: number | null = null): Release {
  const trigger = source === null ? 'push' : 'rollback';
  return { version, source, trigger, commit: String(source ?? version).repeat(40) };
}

const promoted: Release = { ...release(7, 3), trigger: 'promote' };

/** An app with these releases, which went live in the order of their versions. */
async function withReleases(...releases: Release[]): Promise<Database> {
  const db = await createDatabase();
  await ensureApp(db, { id: APP, name: 'mine' });
  await db.query(
    `INSERT INTO deployments (id, app_id, version, kind, ref, commit_sha, subject, author, state, trigger,
       source_version, live_at)
     SELECT 'dep-' || version, $1, version, 'production', 'refs/heads/main', commit, 'x', 'x', 'retired', trigger,
       source, to_timestamp(version)
     FROM jsonb_to_recordset($2) AS given (version int, source int, trigger text, commit text)`,
    [APP, JSON.stringify(releases)],
  );
  return db;
}

describe('previousRelease', () => {
  const previous = async (...releases: Release[]): Promise<number | null> =>
    (await previousRelease(await withReleases(...releases), APP)).version;

  it('is the release before the live one', async () => {
    expect(await previous(release(3), release(2), release(1))).toBe(2);
  });

  it('goes further back when the live one is a rollback, never forward to what was left', async () => {
    expect(await previous(release(4, 2), release(3), release(2), release(1))).toBe(1);
  });

  it('takes what was promoted as a release of its own, and not for the preview that it was', async () => {
    expect(await previous(promoted, release(6), release(2))).toBe(6);
    expect(await previous(release(8), promoted, release(6))).toBe(7);
    expect(await previous(release(9, 7), release(8), promoted, release(6))).toBe(6);
  });

  it('is none that was never live, and no preview', async () => {
    const db = await withReleases(...[1, 2, 3, 4, 5].map((version) => release(version)));
    await db.query(
      `UPDATE deployments SET live_at = NULL, state = 'failed' WHERE version IN (2, 4)`,
    );
    await db.query(`UPDATE deployments SET kind = 'branch' WHERE version = 5`);
    expect((await previousRelease(db, APP)).version).toBe(1);
  });

  it.each([[[]], [[release(1)]], [[release(2, 1), release(1)]]])(
    'says so when there is none',
    async (releases) => {
      await expect(previous(...releases)).rejects.toThrow(/no earlier release/);
    },
  );
});

describe('findRelease', () => {
  const history = [release(4, 2), release(3), release(2)];

  it.each([
    ['v3', 3],
    ['3', 3],
    ['3333333', 3],
    ['2222222', 4],
  ])('finds %s', async (target, version) => {
    expect((await findRelease(await withReleases(...history), APP, target)).version).toBe(version);
  });

  it('finds a commit in whichever letters', async () => {
    const db = await withReleases({ ...release(1), commit: 'ab'.repeat(20) });
    expect((await findRelease(db, APP, 'ABABABAB')).version).toBe(1);
  });

  it.each(['v9', '9999999', 'abcdef', 'main', ''])(
    'refuses %j and says what to give',
    async (target) => {
      const db = await withReleases(...history);
      await expect(findRelease(db, APP, target)).rejects.toThrow(/release|version/);
    },
  );

  it('refuses a prefix of several commits, and names a few of them', async () => {
    const alike = Array.from({ length: 9 }, (_, at) => ({
      ...release(at + 1),
      commit: `aaaaaaa${at}${'b'.repeat(32)}`,
    }));
    const refusal = findRelease(await withReleases(...alike), APP, 'aaaaaaa');
    await expect(refusal).rejects.toThrow(/beginning of (\w+, ){4}\w+$/);
  });
});

it('of many releases only a few are read, by an index', { timeout: 60_000 }, async () => {
  const many = Array.from({ length: 5_000 }, (_, at) => ({
    ...release(at + 1),
    commit: (at + 1).toString(16).padStart(7, '0').padEnd(40, '0'),
  }));
  const db = await withReleases(...many);
  await db.query('ANALYZE deployments');
  const reads: { rows: number; plan: string }[] = [];
  const watched: Queryable = {
    async query(text, values) {
      const { rows } = await db.query(`EXPLAIN ${text}`, values);
      const found = await db.query(text, values);
      reads.push({ rows: found.rows.length, plan: JSON.stringify(rows) });
      return found as never;
    },
  };
  expect((await previousRelease(watched, APP)).version).toBe(4_999);
  expect((await findRelease(watched, APP, 'v17')).version).toBe(17);
  expect((await findRelease(watched, APP, many[41]?.commit ?? '')).version).toBe(42);
  expect(reads.map(({ rows }) => rows)).toEqual([1, 1, 1, 1]);
  for (const { plan } of reads) expect(plan).not.toContain('Seq Scan');
  expect(reads.at(-1)?.plan).toMatch(/Index Cond: [^"]*commit_sha[^"]*>=/);
});
