/**
 * Push to live: from the start of `git push` to the first 200 that carries the new commit, polled every 5 ms. Beside
 * it, in the same rounds, the floor: the same push to the bare git engine, which builds and serves nothing. People do
 * not push twice a second: before each measurement the machine has a moment to come to rest.
 */
import { join } from 'node:path';
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp, rollBack } from './support/deployed-app.ts';
import { startUntilReady, stopProcess } from './support/processes.ts';
import type { BenchResult } from './support/result.ts';
import { median, spread } from './support/statistics.ts';

const ROUNDS = 11;
const REST_MS = 700;
const BARE_SERVER = join(import.meta.dirname, 'peers/bare-git-server.ts');

export async function benchPush(): Promise<BenchResult> {
  await using platform = await startPlatform();
  const app = await DeployedApp.create(platform, 'bench');
  const { child, line } = await startUntilReady(process.execPath, [BARE_SERVER]);
  const times: Record<string, number[]> = {};
  const measure = async (name: string, work: () => Promise<number>): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    (times[name] ??= []).push(await work());
  };
  try {
    await app.git('remote', 'add', 'bare', `http://127.0.0.1:${line.split(' ')[1]}/bench.git`);
    let previous = await app.commit('first');
    await app.push();
    await app.git('push', '-q', 'bare', 'main');
    for (let round = 0; round < ROUNDS; round++) {
      const commit = await app.commit(`round ${round}`);
      const push =
        (...refs: string[]) =>
        () =>
          app.git('push', '-q', '-f', 'fn', ...refs);
      const branch = `branch-${round}`;
      await measure('bare push', () => elapsed(() => app.git('push', '-q', 'bare', 'main')));
      await measure('new commit', () => app.untilLive('bench', commit, push('main')));
      await measure('same commit to another branch', () =>
        app.untilLive(`${branch}--bench`, commit, push(`main:${branch}`)),
      );
      await measure('older commit pushed again', () =>
        app.untilLive('bench', previous, push(`${previous}:main`)),
      );
      await app.git('push', '-q', '-f', 'fn', 'main');
      await measure('fn rollback', () =>
        app.untilLive('bench', previous, () => rollBack(platform, 'bench')),
      );
      previous = commit;
    }
  } finally {
    await stopProcess(child);
    await app.dispose();
  }
  return {
    name: 'push',
    about: `push to live of a one-file function, milliseconds, ${ROUNDS} rounds`,
    rows: Object.entries(times).map(([name, values]) => ({
      name,
      columns: {
        'median ms': median(values).toFixed(0),
        spread: spread(values),
        '× bare push': ratio(values, times['bare push'] ?? []),
      },
    })),
  };
}

async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const beganAt = performance.now();
  await work();
  return performance.now() - beganAt;
}

function ratio(values: number[], floor: number[]): string {
  return median(values.map((value, round) => value / (floor[round] ?? Number.NaN))).toFixed(1);
}
