import { expect, it } from 'vitest';
import { ensureApp, findApp, type App } from '../../src/store/apps.ts';
import type { Database, Queryable } from '../../src/store/database.ts';
import { findDeploymentByName } from '../../src/store/deployment-names.ts';
import { createDatabase } from '../support/database.ts';

const MANY = 5_000;
/** Two that begin alike, and one at the end of all. */
const TWINS = [`abcdef0${'1'.repeat(33)}`, `abcdef0${'2'.repeat(33)}`] as const;
const LAST = 'f'.repeat(40);

/** An app with many deployments, of which the planner knows. */
async function setUp(): Promise<{ db: Database; app: App }> {
  const db = await createDatabase();
  await ensureApp(db, { id: 'app-1', name: 'mine' });
  await db.query(
    `INSERT INTO deployments (id, app_id, version, kind, ref, commit_sha, subject, author, state, trigger)
     SELECT 'dep-' || n, 'app-1', n, 'production', 'refs/heads/main',
       COALESCE(($1::text[])[n], encode(sha256(n::text::bytea), 'hex')::varchar(40)), 'x', 'x', 'failed', 'push'
     FROM generate_series(1, ${MANY}) n`,
    [[...TWINS, LAST]],
  );
  await db.query('ANALYZE deployments');
  const app = await findApp(db, 'app-1');
  if (app === null) throw new Error('the app vanished');
  return { db, app };
}

it('finds a deployment by the beginning of its commit, in whichever letters, and tells when there are several', async () => {
  const { db, app } = await setUp();
  const idOf = async (name: string): Promise<string> =>
    (await findDeploymentByName(db, app, name)).id;
  expect(await idOf(TWINS[1])).toBe('dep-2');
  expect(await idOf('ABCDEF02')).toBe('dep-2');
  expect(await idOf(LAST.slice(0, 12))).toBe('dep-3');
  await expect(idOf('abcdef0')).rejects.toThrow('several deployed commits begin with abcdef0');
  await expect(idOf('abcdef03')).rejects.toThrow('has no deployment');
});

it('reads an index for it, and not all deployments of the app', async () => {
  const { db, app } = await setUp();
  const plans: string[] = [];
  const explained = {
    async query(text: string, values: unknown[]) {
      const { rows } = await db.query(`EXPLAIN ${text}`, values);
      if (text.includes('commit_sha COLLATE')) plans.push(JSON.stringify(rows));
      return db.query(text, values);
    },
  } as unknown as Queryable;
  await findDeploymentByName(explained, app, LAST.slice(0, 12));
  expect(plans).toHaveLength(2);
  for (const plan of plans) expect(plan).toContain('deployments_of_commit');
});
