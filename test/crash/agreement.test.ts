/** Each thing that the check of consistency knows, spoilt by hand once: it is found, with what mends it. */
import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { ask } from '../support/ask.ts';
import { becomesConsistent, checkConsistency } from '../support/consistency.ts';
import { databaseUrl } from '../support/database-url.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();
let database: Database;
let repository: TestRepository;
let first = '';
let appId = '';
let bundle = '';

beforeAll(async () => {
  repository = await createRepository(platform(), 'whole');
  first = await repository.commit({ 'index.ts': 'export const handler = async () => "one";\n' });
  await repository.push('main');
  await repository.commit({ 'index.ts': 'export const handler = async () => "two";\n' });
  expect(await repository.push('main', 'main:topic')).toMatchObject({ code: 0 });
  database = openDatabase(databaseUrl(platform(), 'postgres'), () => {});
  appId = await valueOf("SELECT id AS value FROM apps WHERE name = 'whole'");
  bundle = await valueOf(
    "SELECT bundle AS value FROM deployments WHERE kind = 'production' AND state = 'live'",
  );
});

afterAll(() => database.close());

async function valueOf(query: string): Promise<string> {
  const { rows } = await database.query<{ value: string }>(query);
  const [row] = rows;
  if (row === undefined) throw new Error(`no row: ${query}`);
  return row.value;
}

function pathOf(...parts: string[]): string {
  return join(platform().dataDir, ...parts);
}

async function findings(): Promise<string[]> {
  const found = await checkConsistency(platform());
  for (const { remedy } of found) expect(remedy.length).toBeGreaterThan(10);
  return found.map(({ subject, app, message }) => `${subject} ${app ?? '-'} ${message}`);
}

function gitInside(...args: string[]): void {
  execFileSync('git', [
    '-c',
    'safe.directory=*',
    '-C',
    pathOf('repositories', `${appId}.git`),
    ...args,
  ]);
}

/** Spoils, looks, mends, and sees that nothing is left. */
async function finds(
  expected: RegExp,
  spoil: () => Promise<unknown> | void,
  mend: () => Promise<unknown> | void,
): Promise<void> {
  await becomesConsistent(platform(), 60_000);
  try {
    await spoil();
    expect((await findings()).join('\n')).toMatch(expected);
  } finally {
    await mend();
  }
  await becomesConsistent(platform(), 60_000);
}

it('of a sound platform nothing is found, and fn doctor --deep says so', async () => {
  await becomesConsistent(platform(), 60_000);
  expect(await doctor()).toMatchObject({ code: 0, output: expect.stringContaining('all agree') });
});

async function doctor(...args: string[]): Promise<{ code: number; output: string }> {
  try {
    const bin = join(import.meta.dirname, '../../bin/fn');
    const env = { PATH: process.env['PATH'] ?? '', FN_DATA_DIR: platform().dataDir };
    const output = execFileSync(bin, ['doctor', '--deep', ...args], { env, encoding: 'utf8' });
    return { code: 0, output };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, output: stdout + stderr };
  }
}

it('a repository that is gone', async () => {
  const path = pathOf('repositories', `${appId}.git`);
  await finds(
    /refs whole its repository is gone/,
    () => rename(path, `${path}.away`),
    () => rename(`${path}.away`, path),
  );
});

it('a repository of no app', async () => {
  const path = pathOf('repositories', 'app-aaaaaaaaaaaa.git');
  await finds(
    /refs - there is a repository app-aaaaaaaaaaaa\.git, and no app of that id/,
    () => mkdir(path),
    () => rmdir(path),
  );
});

it('a branch that was moved past the hooks', async () => {
  await finds(
    /refs whole refs\/heads\/topic is at [0-9a-f]{7,} and was released last at/,
    () => gitInside('update-ref', 'refs/heads/topic', first),
    () => {},
  );
  expect((await ask(platform(), 'topic--whole')).body).toBe('one');
});

it('a live ref that shows another commit', async () => {
  await finds(
    /refs whole refs\/live\/production is at [0-9a-f]{7,}, not at/,
    () => gitInside('update-ref', 'refs/live/production', first),
    () => {},
  );
});

it('a deployment that is live, and the route to it gone', async () => {
  const route = await valueOf(
    "SELECT deployment_id AS value FROM routes WHERE kind = 'production'",
  );
  await finds(
    /rows whole v3 of refs\/heads\/main is live, and no route leads to it[^]*routes whole/,
    () => database.query("DELETE FROM routes WHERE kind = 'production'"),
    () =>
      database.query(
        `INSERT INTO routes (app_id, kind, target, deployment_id) VALUES ($1, 'production', 'production', $2)`,
        [appId, route],
      ),
  );
});

it('a route to a deployment that is not live', async () => {
  const id = await valueOf("SELECT deployment_id AS value FROM routes WHERE kind = 'production'");
  const setState = (state: string) => (): Promise<unknown> =>
    database.query('UPDATE deployments SET state = $2 WHERE id = $1', [id, state]);
  await finds(
    /rows whole the production route production leads to dep-\w+, which is retired/,
    setState('retired'),
    setState('live'),
  );
});

it('a deployment that nobody works on, and one that has failed without a reason', async () => {
  const insert = (state: string) => (): Promise<unknown> =>
    database.query(
      `INSERT INTO deployments (id, app_id, version, kind, ref, commit_sha, subject, author, state, trigger)
       VALUES ('dep-aaaaaaaaaaaa', $1, 900, 'production', 'refs/heads/main', $2, '', '', $3, 'push')`,
      [appId, first, state],
    );
  const remove = (): Promise<unknown> =>
    database.query("DELETE FROM deployments WHERE id = 'dep-aaaaaaaaaaaa'");
  await finds(
    /rows whole v900 of refs\/heads\/main is building, and nobody/,
    insert('building'),
    remove,
  );
  await finds(
    /rows whole v900 of refs\/heads\/main has failed and does not say/,
    insert('failed'),
    remove,
  );
});

it('a name that no ref needs, and a function without a row', async () => {
  await finds(
    /rows whole refs\/heads\/gone has the name gone/,
    () =>
      database.query(
        "INSERT INTO ref_slugs (app_id, ref, slug) VALUES ($1, 'refs/heads/gone', 'gone')",
        [appId],
      ),
    () => database.query("DELETE FROM ref_slugs WHERE slug = 'gone'"),
  );
  const id = await valueOf('SELECT id AS value FROM functions');
  await finds(
    /rows whole production serves the function \S+, which has no row/,
    () => database.query("UPDATE functions SET name = 'renamed' WHERE id = $1", [id]),
    () => database.query("UPDATE functions SET name = 'main' WHERE id = $1", [id]),
  );
});

it('an environment that is not sealed', async () => {
  const id = await valueOf("SELECT deployment_id AS value FROM routes WHERE kind = 'production'");
  const path = pathOf('sealed', `${id}.sealed`);
  await finds(
    /rows whole the environment of v3 of refs\/heads\/main is not sealed/,
    () => rename(path, `${path}.away`),
    () => rename(`${path}.away`, path),
  );
});

it('a bundle that is gone, cut off, or has another byte', async () => {
  const folder = pathOf('store/bundles', bundle);
  await finds(
    /bundles whole bundle [0-9a-f]{12}, which refs\/heads\/main serves, is gone from the disk/,
    () => rename(folder, pathOf('store', 'away')),
    () => rename(pathOf('store', 'away'), folder),
  );
  const { files } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as {
    files: { path: string }[];
  };
  const path = join(folder, files[0]?.path ?? '');
  const content = await readFile(path);
  await chmod(path, 0o644);
  const restore = (): Promise<void> => writeFile(path, content);
  const flipped = Buffer.from(content);
  flipped[0] = (flipped[0] ?? 0) ^ 1;
  await finds(
    /bundles whole .* has \d+ of the \d+ bytes of its file/,
    () => writeFile(path, content.subarray(3)),
    restore,
  );
  await finds(
    /bundles whole .* has other bytes in its file/,
    () => writeFile(path, flipped),
    restore,
  );
  const manifest = await readFile(join(folder, 'manifest.json'));
  await chmod(join(folder, 'manifest.json'), 0o644);
  await finds(
    /bundles whole .* has a manifest\.json that is not the one it was named by/,
    () => writeFile(join(folder, 'manifest.json'), `${manifest.toString()} `),
    () => writeFile(join(folder, 'manifest.json'), manifest),
  );
});

it('a bundle of nobody, once it is older than a build takes', async () => {
  const path = pathOf('store/bundles', randomBytes(32).toString('hex'));
  await finds(
    /bundles - bundle [0-9a-f]{12} is on disk, and no app has it/,
    async () => {
      await mkdir(path);
      execFileSync('touch', ['-d', '2 hours ago', path]);
    },
    () => rm(path, { recursive: true }),
  );
});

it('routes that the door, or the file that it starts with, does not have', async () => {
  const commit = await valueOf("SELECT target AS value FROM routes WHERE kind = 'commit' LIMIT 1");
  const other = await valueOf(
    "SELECT deployment_id AS value FROM routes WHERE kind = 'production'",
  );
  const id = await valueOf(
    "SELECT deployment_id AS value FROM routes WHERE kind = 'commit' LIMIT 1",
  );
  const point = (to: string) => (): Promise<unknown> =>
    database.query("UPDATE routes SET deployment_id = $2 WHERE kind = 'commit' AND target = $1", [
      commit,
      to,
    ]);
  await finds(
    /routes whole the file of routes leads the commit [0-9a-f]{12} to dep-\w+, not to[^]*routes whole the door leads/,
    point(other),
    point(id),
  );
});

it('a cgroup or a folder that a sandbox left behind; fn doctor --deep names it and exits 6', async () => {
  const path = pathOf('store/slots/slot-aaaaaaaaaaaa');
  await mkdir(path);
  try {
    const { code, output } = await doctor();
    expect(output).toContain(
      'the code folder of slot-aaaaaaaaaaaa is there, and its sandbox has ended',
    );
    expect(output).toContain('→ restart the server');
    expect(code).toBe(6);
    const asJson = await doctor('--json');
    expect(asJson.code).toBe(6);
    expect(JSON.parse(asJson.output)).toMatchObject({
      findings: [{ subject: 'sandboxes', app: null }],
      checked: { apps: 1 },
    });
  } finally {
    await rmdir(path);
  }
  await becomesConsistent(platform(), 60_000);
});
