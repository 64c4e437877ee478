import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { descendantsOf, platformProcesses } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { keepAsking, type SteadyRequests } from '../support/steady-requests.ts';

/**
 * What happens when there are more requests than workers, and when the system gives no more descriptors or processes:
 * answers that say so, others go on, and all is well again afterwards. (F9, F13)
 */
const ORDINARY_UID = 65_531;
const IS_ROOT = process.getuid?.() === 0;
const BURST = 500;

let platform: Platform;
let neighbour: SteadyRequests;
let ownPids: number[];

/** An ordinary user's: the kernel holds root to no number of processes. */
beforeAll(async () => {
  platform = await startPlatform(IS_ROOT ? { asUid: ORDINARY_UID } : {});
  await deploy('good', {
    'index.js':
      "require('node:fs').writeFileSync('/tmp/neighbour', ''); exports.handler = async () => 'neighbour';",
  });
  await deploy('slow', {
    'index.js':
      'export const handler = () => new Promise((done) => setTimeout(done, 100, "slow"));',
    'fn.json': '{ "concurrency": 1 }',
  });
  ownPids = pids();
  neighbour = keepAsking(platform, 'good', 'neighbour');
}, 120_000);
afterAll(async () => {
  await neighbour.stop();
  await platform[Symbol.asyncDispose]();
}, 120_000);

async function deploy(app: string, files: Record<string, string>): Promise<void> {
  const repository = await createRepository(platform, app);
  await repository.commit(files);
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
}

function pids(): number[] {
  return platformProcesses(platform.pid)
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);
}

function workers(): number[] {
  return descendantsOf(platform.pid)
    .filter(({ commandLine }) => /^\/usr\/bin\/node .*\/runner\.cjs/.test(commandLine))
    .map(({ pid }) => pid);
}

function burst(app: string): Promise<Answer[]> {
  return Promise.all(Array.from({ length: BURST }, () => ask(platform, app)));
}

const isRefusal = ({ status, headers }: Answer): boolean =>
  status === 503 && Number(headers['retry-after']) >= 1;

describe('a burst of requests', () => {
  it('is answered or told to come again, by a bounded number of workers, and then served', async () => {
    const answers = await burst('slow');
    const served = answers.filter(({ status, body }) => status === 200 && body === 'slow');
    expect(served.length).toBeGreaterThan(0);
    expect(answers.filter((answer) => !served.includes(answer) && !isRefusal(answer))).toEqual([]);
    expect(workers().length).toBeLessThan(100);
    expect(await ask(platform, 'slow')).toMatchObject({ status: 200 });
    expect(neighbour.failures).toEqual([]);
    expect(pids()).toEqual(ownPids);
  }, 120_000);

  it('outlives the kill of every worker there is, those ahead of any need included', async () => {
    const asked = burst('slow');
    await eventually(() => workers().length > 2);
    await neighbour.stop();
    for (const pid of workers()) kill(pid);
    const statuses = new Set((await asked).map(({ status }) => status));
    expect([...statuses].filter((status) => ![200, 502, 503].includes(status))).toEqual([]);
    await eventually(async () => {
      for (const app of ['slow', 'good'])
        expect(await ask(platform, app)).toMatchObject({ status: 200 });
    });
    expect(pids()).toEqual(ownPids);
    neighbour = keepAsking(platform, 'good', 'neighbour');
  }, 120_000);
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself meanwhile.
  }
}

/** The one that serves the neighbour marks its /tmp. */
function isNeighbours(pid: number): boolean {
  return existsSync(`/proc/${pid}/root/tmp/neighbour`);
}

/** Who starts processes: the supervisor, and the launcher in its place. */
function starters(): number[] {
  const launcher = platformProcesses(platform.pid).filter(({ commandLine }) =>
    commandLine.endsWith('/programs/launcher.cjs'),
  );
  expect(launcher).toHaveLength(1);
  return [platform.pid, ...launcher.map(({ pid }) => pid)];
}

/** Of one of them alone, as its own user. */
function prlimit(pid: number, ...words: string[]): string {
  const id = String(ORDINARY_UID);
  const user = ['--reuid', id, '--regid', id, '--clear-groups', '--'];
  const command = [...user, 'prlimit', `--pid=${pid}`, ...words];
  return execFileSync('setpriv', command, { encoding: 'utf8' }).trim();
}

/** With so few they can neither open a file nor start a program. */
const SHORTAGES: [what: string, limit: string, few: string][] = [
  ['descriptors', 'nofile', '3'],
  ['processes', 'nproc', '1'],
];

describe.runIf(IS_ROOT)('a platform without further', () => {
  it.each(SHORTAGES)(
    '%s says so, serves what runs, and recovers',
    async (what, limit, few) => {
      await deploy(what, { 'index.js': `export const handler = async () => "${what}";` });
      const show = [`--${limit}`, '--output=SOFT', '--noheadings', '--raw'];
      const before = starters().map((pid) => ({ pid, soft: prlimit(pid, ...show) }));
      for (const { pid } of before) prlimit(pid, `--${limit}=${few}:`);
      try {
        await eventually(async () => {
          // Again and again: one that was on its way already comes all the same.
          for (const pid of workers()) if (!isNeighbours(pid)) kill(pid);
          expect(isRefusal(await ask(platform, what))).toBe(true);
        });
        expect(neighbour.failures).toEqual([]);
      } finally {
        for (const { pid, soft } of before) prlimit(pid, `--${limit}=${soft}:`);
      }
      await eventually(async () => {
        expect(await ask(platform, what)).toMatchObject({ status: 200, body: what });
      });
      expect(neighbour.failures).toEqual([]);
      expect(pids()).toEqual(ownPids);
    },
    120_000,
  );
});
