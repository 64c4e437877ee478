/**
 * Each folder of the data folder stands on a small disk of its own, which is filled to the last byte. What is served goes on,
 * what needs the room is refused with the folder's name and what to do, and all is well when there is room, with nobody's help.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { ask, type Answer } from '../support/ask.ts';
import { becomesConsistent } from '../support/consistency.ts';
import { callControl } from '../support/control-api.ts';
import { databaseUrl } from '../support/database-url.ts';
import { eventually } from '../support/eventually.ts';
import { openFailpoints, type Failpoints } from '../support/failpoints.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { platformProcesses } from '../support/processes.ts';
import { createRepository, FN, type TestRepository } from '../support/repository.ts';
import { fillDisk, isMounting, mountSmallDisk, unmountSmallDisk } from '../support/small-disks.ts';

const RECOVERY_DEADLINE_MS = 60_000;

/** MiB of each; a push needs it, or does without. */
const FOLDERS = {
  repositories: { mib: 48, isNeeded: true },
  store: { mib: 48, isNeeded: true },
  sealed: { mib: 32, isNeeded: true },
  routes: { mib: 32, isNeeded: true },
  audit: { mib: 32, isNeeded: true },
  postgres: { mib: 192, isNeeded: true },
  cache: { mib: 32, isNeeded: false },
  logs: { mib: 32, isNeeded: false },
  'code-caches': { mib: 32, isNeeded: false },
  certificates: { mib: 32, isNeeded: false },
  git: { mib: 32, isNeeded: false },
} as const;

type FolderName = keyof typeof FOLDERS;
const NAMES = Object.keys(FOLDERS) as FolderName[];

/** Disks that are full when a push comes to a step behind the first look, with who says so. */
const LATE: { folder: FolderName; point: 'build.started' | 'release.begun' | 'push.asked' }[] = [
  { folder: 'store', point: 'build.started' },
  { folder: 'sealed', point: 'build.started' },
  { folder: 'routes', point: 'release.begun' },
  { folder: 'audit', point: 'release.begun' },
  { folder: 'repositories', point: 'release.begun' },
];

let parent: string;
let failpoints: Failpoints;
let platform: Platform;

const pathOf = (name: FolderName): string => join(parent, 'data', name);

describe.skipIf(!isMounting)('on small disks, which only root can mount', () => {
  beforeAll(async () => {
    parent = await mkdtemp(join(await realpath(tmpdir()), 'gitfn-disks-'));
    for (const name of NAMES) mountSmallDisk(pathOf(name), FOLDERS[name].mib);
    failpoints = await openFailpoints();
    platform = await startPlatform({ dataDir: join(parent, 'data'), env: failpoints.env });
  });

  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]();
    await failpoints?.[Symbol.asyncDispose]();
    for (const name of NAMES) unmountSmallDisk(pathOf(name));
    await rm(parent, { recursive: true, force: true });
  });

  it.each(NAMES)('%s/ that is full', { timeout: 240_000 }, async (name) => {
    const app = `full-${name}`;
    const repository = await deployed(app);
    const empty = fillDisk(pathOf(name));
    try {
      await eventually(async () => expect(await warnings()).toEqual([sentenceOf(name)]));
      expect(await doctor()).toMatch(new RegExp(`warn +disk +\\S+/${name} is full\\n.*df -h`));
      await repository.commit(files('after'));
      const pushed = await repository.push('main');
      if (FOLDERS[name].isNeeded) {
        expect(pushed.code, pushed.output).not.toBe(0);
        expect(pushed.output).toContain(sentenceOf(name));
        expect(pushed.output).toContain(`df -h DATA_FOLDER/${name}`);
      } else {
        expect(pushed.code, pushed.output).toBe(0);
      }
      expect(await served(app)).toBe(FOLDERS[name].isNeeded ? 'before' : 'after');
      await killData();
      await eventually(async () =>
        expect(await served(app)).toBe(FOLDERS[name].isNeeded ? 'before' : 'after'),
      );
    } finally {
      empty();
    }
    await isWell(repository, app);
  });

  it.each(LATE)('$folder/ that fills up at $point', { timeout: 240_000 }, async (late) => {
    const { folder, point } = late;
    const app = `late-${folder}`;
    const repository = await deployed(app);
    const sha = await repository.commit(files('after'));
    await failpoints.arm(point, 'hang');
    const pushing = repository.push('main');
    await failpoints.reached(point);
    const empty = fillDisk(pathOf(folder));
    let isAccepted: boolean;
    try {
      await failpoints.clear();
      const { code, output } = await pushing;
      const listed = await repository.git('ls-remote', 'fn', 'refs/heads/main');
      isAccepted = listed.output.startsWith(sha);
      expect(code === 0, output).toBe(isAccepted);
      if (!isAccepted) expect(output).toContain(sentenceOf(folder));
      expect((await ask(platform, app)).status).toBe(200);
    } finally {
      empty();
    }
    const expected = isAccepted ? 'after' : 'before';
    await eventually(async () => expect(await served(app)).toBe(expected), RECOVERY_DEADLINE_MS);
    await isWell(repository, app);
  });

  it.each(['sealed', 'audit', 'routes'] as const)(
    'a change of the environment with %s/ full',
    { timeout: 240_000 },
    async (name) => {
      const app = `mood-${name}`;
      const repository = await deployed(app);
      const empty = fillDisk(pathOf(name));
      try {
        const answer = await setMood(app);
        expect(answer.status, answer.body).toBe(503);
        expect(JSON.parse(answer.body)).toMatchObject({
          code: 'disk-full',
          detail: sentenceOf(name),
        });
        expect(await served(app)).toBe('before');
      } finally {
        empty();
      }
      await isWell(repository, app);
      expect(await served(app)).toBe('at last');
      expect((await setMood(app)).status).toBe(200);
      await eventually(async () => expect(await served(app)).toBe('at last calm'));
    },
  );

  it('a database that finds no room within a transaction', { timeout: 240_000 }, async () => {
    const repository = await deployed('full-table');
    const admin = openDatabase(databaseUrl(platform, 'postgres'), () => {});
    try {
      const grow = `CREATE TABLE filler AS
        SELECT repeat(md5(n::text), 200) FROM generate_series(1, 2000000) AS all_of(n)`;
      await expect(admin.query(grow)).rejects.toMatchObject({
        code: expect.stringMatching(/^(disk-full|database-down)$/) as string,
      });
    } finally {
      await admin.close();
    }
    expect(await served('full-table')).toBe('before');
    await isWell(repository, 'full-table');
  });
});

const files = (text: string): Record<string, string> => ({
  'index.js': `export const handler = async () => '${text}' + (process.env.MOOD ?? '');\n`,
});

const sentenceOf = (name: FolderName): string => `the disk of ${name}/ in the data folder is full`;

async function deployed(app: string): Promise<TestRepository> {
  const repository = await createRepository(platform, app);
  await repository.commit(files('before'));
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
  return repository;
}

async function served(app: string): Promise<string> {
  const { status, body } = await ask(platform, app);
  return status === 200 ? body : `${status} ${body}`;
}

function setMood(app: string): Promise<Answer> {
  const body = { set: [{ name: 'MOOD', value: ' calm' }] };
  return callControl(platform, `/apps/${app}/environment`, { method: 'PATCH', body });
}

async function readiness(): Promise<{ degraded: string[]; warnings: string[] }> {
  const { body } = await ask(platform, '', { path: '/readyz' });
  return JSON.parse(body) as { degraded: string[]; warnings: string[] };
}

const warnings = async (): Promise<string[]> => (await readiness()).warnings;

async function doctor(): Promise<string> {
  const env = { PATH: process.env['PATH'], FN_DATA_DIR: platform.dataDir, FN_EGRESS: 'none' };
  const { stdout } = await promisify(execFile)(FN, ['doctor'], { env });
  return stdout;
}

async function killData(): Promise<void> {
  const find = (): number | undefined =>
    platformProcesses(platform.pid).find(({ commandLine }) => /data\.mjs/.test(commandLine))?.pid;
  const before = find();
  if (before === undefined) throw new Error('data does not run');
  process.kill(before, 'SIGKILL');
  await eventually(() => {
    const now = find();
    expect(now).toBeDefined();
    expect(now).not.toBe(before);
  });
}

/** By itself, and with all that it is for. */
async function isWell(repository: TestRepository, app: string): Promise<void> {
  await eventually(
    async () => expect(await readiness()).toMatchObject({ degraded: [], warnings: [] }),
    RECOVERY_DEADLINE_MS,
  );
  await becomesConsistent(platform, RECOVERY_DEADLINE_MS);
  await repository.commit(files('at last'));
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
  expect(await served(app)).toMatch(/^at last/);
  await becomesConsistent(platform, RECOVERY_DEADLINE_MS);
}
