/**
 * What pushes cost the platform: many at once beside the same one after the other, and a large one beside the same
 * push to `git http-backend`. What is large stands in the history, not in the commit that is deployed, so that it is the
 * git front that is measured and not the unpacking of a build.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPlatform, type Platform } from '../test/support/platform.ts';
import { descendantsOf } from '../test/support/processes.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { sizeOfSandboxed } from './support/process-sizes.ts';
import { startUntilReady, stopProcess } from './support/processes.ts';
import { processorUs } from './support/processor-time.ts';
import type { BenchResult, BenchRow } from './support/result.ts';
import { median, spread } from './support/statistics.ts';

const APPS = 10;
const PUSHES_PER_APP = 5;
const CROWD_ROUNDS = 2;
const LARGE_BYTES = 100_000_000;
const LARGE_ROUNDS = 3;
/** For what a push leaves to be done: new zygotes, draining workers. */
const REST_MS = 3_000;
const SAMPLE_MS = 100;
const HTTP_BACKEND = join(import.meta.dirname, 'peers/http-backend.ts');

export async function benchPushes(): Promise<BenchResult> {
  await using platform = await startPlatform();
  const crowd = await measureCrowd(platform);
  const large = await measureLarge(platform);
  return {
    name: 'pushes',
    about: `${APPS * PUSHES_PER_APP} pushes to ${APPS} apps at once and in turn; a push of ${LARGE_BYTES / 1e6} MB`,
    rows: [...crowd, ...large],
  };
}

interface Cost {
  answered: number;
  processorMs: number;
  seconds: number;
}

async function measureCrowd(platform: Platform): Promise<BenchRow[]> {
  const names = Array.from({ length: APPS }, (_, index) => `crowd-${index}`);
  const apps = await Promise.all(names.map((name) => DeployedApp.create(platform, name)));
  const inTurn: Cost[] = [];
  const atOnce: Cost[] = [];
  try {
    for (const app of apps) {
      await app.commit('first');
      await app.push();
    }
    for (let round = 0; round < CROWD_ROUNDS; round++) {
      const turn = await plannedPushes(apps, `turn-${round}`);
      inTurn.push(
        await costOf(async () => {
          const done: boolean[] = [];
          for (const push of turn) done.push(await push());
          return done;
        }),
      );
      const once = await plannedPushes(apps, `once-${round}`);
      atOnce.push(await costOf(() => Promise.all(once.map((push) => push()))));
    }
  } finally {
    for (const app of apps) await app.dispose();
  }
  const ratios = atOnce.map(
    ({ processorMs }, round) => processorMs / (inTurn[round]?.processorMs ?? NaN),
  );
  const row = (name: string, costs: Cost[], ratio: string, between: string): BenchRow => ({
    name,
    columns: {
      answered: `${Math.min(...costs.map(({ answered }) => answered))} of ${APPS * PUSHES_PER_APP}`,
      'processor ms each': (
        median(costs.map(({ processorMs }) => processorMs)) /
        (APPS * PUSHES_PER_APP)
      ).toFixed(0),
      seconds: median(costs.map(({ seconds }) => seconds)).toFixed(2),
      ratio: ratio,
      spread: between,
      'front PSS MB': '',
    },
    raw: { processorMs: costs.map(({ processorMs }) => processorMs) },
  });
  return [
    row('in turn', inTurn, '', ''),
    row('at once', atOnce, median(ratios).toFixed(2), spread(ratios)),
  ];
}

/** Each with a commit of its own, made before anything is measured; true when git says that it was taken. */
async function plannedPushes(
  apps: readonly DeployedApp[],
  branch: string,
): Promise<(() => Promise<boolean>)[]> {
  const pushes: (() => Promise<boolean>)[] = [];
  for (let index = 0; index < PUSHES_PER_APP; index++) {
    for (const app of apps) {
      const sha = await app.commit(`${branch} ${index}`);
      const refspec = `${sha}:refs/heads/${branch}-${index}`;
      pushes.push(() =>
        app.git('push', '-q', 'fn', refspec).then(
          () => true,
          () => false,
        ),
      );
    }
  }
  return pushes;
}

/** Of all processes of the platform, with those that have ended; git's clients are none of them. */
async function costOf(work: () => Promise<boolean[]>): Promise<Cost> {
  await rest();
  const before = processorUs(['']);
  const beganAt = performance.now();
  const done = await work();
  const seconds = (performance.now() - beganAt) / 1000;
  await rest();
  const processorMs = (processorUs(['']) - before) / 1000;
  return { answered: done.filter(Boolean).length, processorMs, seconds };
}

async function measureLarge(platform: Platform): Promise<BenchRow[]> {
  const { child, line } = await startUntilReady(process.execPath, [HTTP_BACKEND]);
  const app = await DeployedApp.create(platform, 'large');
  const ours: number[] = [];
  const peer: number[] = [];
  const front = frontOf(platform);
  let most = 0;
  const sampling = setInterval(() => (most = Math.max(most, sizeOfSandboxed(front))), SAMPLE_MS);
  try {
    await app.git('remote', 'add', 'peer', `http://127.0.0.1:${line.split(' ')[1]}/bench.git`);
    await app.commit('first');
    await app.push();
    await app.git('push', '-q', 'peer', 'main');
    for (let round = 0; round < LARGE_ROUNDS; round++) {
      await app.write({ noise: randomBytes(LARGE_BYTES * 0.75).toString('base64') });
      await app.commit(`with noise ${round}`);
      await app.write({ noise: '' });
      await app.commit(`without ${round}`);
      peer.push(await secondsOf(() => app.git('push', '-q', 'peer', 'main')));
      ours.push(await secondsOf(() => app.git('push', '-q', 'fn', 'main')));
    }
  } finally {
    clearInterval(sampling);
    await stopProcess(child);
    await app.dispose();
  }
  const ratios = ours.map((seconds, round) => seconds / (peer[round] ?? NaN));
  const row = (name: string, seconds: number[], cells: BenchRow['columns']): BenchRow => ({
    name,
    columns: {
      answered: '',
      'processor ms each': '',
      seconds: median(seconds).toFixed(2),
      ...cells,
    },
    raw: { seconds },
  });
  const megabytes = ((most * 1024) / 1e6).toFixed(0);
  return [
    row('large, git http-backend', peer, { ratio: '', spread: '', 'front PSS MB': '' }),
    row('large, gitfn', ours, {
      ratio: median(ratios).toFixed(2),
      spread: spread(ratios),
      'front PSS MB': megabytes,
    }),
  ];
}

function frontOf({ pid }: Platform): number {
  const found = descendantsOf(pid).find(({ pid: one }) => {
    const [program = '', ...args] = readFileSync(`/proc/${one}/cmdline`, 'utf8').split('\0');
    return program.endsWith('node') && args.some((arg) => /\/git\.[cm]?[jt]s$/.test(arg));
  });
  if (found === undefined) throw new Error('the platform has no git front');
  return found.pid;
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  await rest();
  const beganAt = performance.now();
  await work();
  return (performance.now() - beganAt) / 1000;
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, REST_MS));
}
