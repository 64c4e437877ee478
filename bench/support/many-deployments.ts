/**
 * Thousands of deployments that sleep, as rows of a platform's own database and files of its data folder: pushing them
 * would take an hour, and what they cost while nobody asks for them is the same. Each has a route and a sealed environment;
 * all run the bundle of one app that was pushed.
 */
import { createHash } from 'node:crypto';
import { chown, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseUrl } from '../../test/support/database-url.ts';
import type { Platform } from '../../test/support/platform.ts';
import { newId } from '../../src/std/ids.ts';
import { parseMasterKeys } from '../../src/secrets/master-key-file.ts';
import { openEnvironment, sealEnvironment } from '../../src/secrets/sealed.ts';
import { openDatabase, type Queryable } from '../../src/store/database.ts';

/** One in production, as many branches as commits beside it. */
const DEPLOYMENTS_PER_APP = 100;

interface Row {
  id: string;
  kind: 'production' | 'branch' | 'commit';
  route: 'production' | 'ref' | 'commit';
  target: string;
  commit: string;
}

/** Data routes to them after the next restart. */
export async function addSleepingDeployments(
  platform: Platform,
  { count, like }: { count: number; like: string },
): Promise<void> {
  const database = openDatabase(databaseUrl(platform, 'postgres'), () => {});
  try {
    const seal = await sealerLike(platform, database, like);
    for (let first = 0; first < count; first += DEPLOYMENTS_PER_APP) {
      const rows = Array.from(
        { length: Math.min(DEPLOYMENTS_PER_APP, count - first) },
        (_, index) => rowOf(first + index, index),
      );
      await database.transaction((tx) => insertApp(tx, { name: `asleep-${first}`, like, rows }));
      for (const { id } of rows) await seal(id);
    }
  } finally {
    await database.close();
  }
}

/** Gives deployments the environment of the app that was pushed. */
async function sealerLike(
  platform: Platform,
  database: Queryable,
  like: string,
): Promise<(deployment: string) => Promise<void>> {
  const folder = join(platform.dataDir, 'sealed');
  const { uid, gid } = await stat(folder);
  const keys = parseMasterKeys(await readFile(join(platform.dataDir, 'master-key'), 'utf8')) ?? [];
  const { rows } = await database.query<{ id: string }>(
    `SELECT d.id FROM deployments d JOIN apps a ON a.id = d.app_id
     WHERE a.name = $1 AND d.state = 'live' LIMIT 1`,
    [like],
  );
  const { id = '' } = rows[0] ?? {};
  const environment = openEnvironment(keys, id, await readFile(join(folder, `${id}.sealed`)));
  const [key = Buffer.alloc(0)] = keys;
  return async (deployment) => {
    const file = join(folder, `${deployment}.sealed`);
    await writeFile(file, sealEnvironment(key, deployment, environment), { mode: 0o600 });
    await chown(file, uid, gid);
  };
}

function rowOf(number: number, index: number): Row {
  const commit = createHash('sha1').update(String(number)).digest('hex');
  const id = newId('dep');
  if (index === 0)
    return { id, kind: 'production', route: 'production', target: 'production', commit };
  return index % 2 === 0
    ? { id, kind: 'branch', route: 'ref', target: `branch-${number}`, commit }
    : { id, kind: 'commit', route: 'commit', target: commit, commit };
}

async function insertApp(
  tx: Queryable,
  { name, like, rows }: { name: string; like: string; rows: readonly Row[] },
): Promise<void> {
  const appId = newId('app');
  await tx.query(
    `INSERT INTO apps (id, name, production_ref, next_version) VALUES ($1, $2, 'refs/heads/main', 2)`,
    [appId, name],
  );
  await tx.query(
    `INSERT INTO bundles (app_id, hash, functions, bytes)
     SELECT $1, b.hash, b.functions, b.bytes FROM bundles b JOIN apps a ON a.id = b.app_id
     WHERE a.name = $2 LIMIT 1`,
    [appId, like],
  );
  const columns = (['id', 'kind', 'route', 'target', 'commit'] as const).map((column) =>
    rows.map((row) => row[column]),
  );
  await tx.query(
    `WITH asleep AS (
       SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
         AS t (id, kind, route, target, commit_sha)
     ), inserted AS (
       INSERT INTO deployments (id, app_id, version, kind, ref, slug, commit_sha, subject, author,
         bundle, state, trigger, live_at)
       SELECT id, $1, CASE kind WHEN 'production' THEN 1 END, kind,
         'refs/heads/' || CASE kind WHEN 'branch' THEN target ELSE 'main' END,
         CASE kind WHEN 'branch' THEN target END, commit_sha, 'asleep', 'Bench',
         (SELECT hash FROM bundles WHERE app_id = $1), 'live', 'push', now()
       FROM asleep
     )
     INSERT INTO routes (app_id, kind, target, deployment_id)
     SELECT $1, route, target, id FROM asleep`,
    [appId, ...columns],
  );
}
