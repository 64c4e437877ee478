/** What the platform costs while nothing happens: PSS of all its processes, with one function and with 200 more. */
import { startPlatform, type Platform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import { proportionalSizes } from './support/process-sizes.ts';
import type { BenchResult } from './support/result.ts';

const BRANCHES = 200;
/** One push carries at most 20 commits; branches of one commit are as many as one likes. */
const REFS_PER_PUSH = 20;
const SETTLE_MS = 3_000;

export async function benchIdle(): Promise<BenchResult> {
  await using platform = await startPlatform();
  const app = await DeployedApp.create(platform, 'idle');
  try {
    await app.commit('main');
    await app.push();
    const before = await measureIdle(platform, app);
    for (let first = 0; first < BRANCHES; first += REFS_PER_PUSH) {
      await app.commit(`from ${first}`);
      const refs = Array.from({ length: REFS_PER_PUSH }, (_, i) => `main:branch-${first + i}`);
      await app.git('push', '-q', 'fn', ...refs);
    }
    const after = await measureIdle(platform, app);
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return {
      name: 'idle',
      about: `PSS in MB of the idle platform; ${BRANCHES} sleeping branches of one app added`,
      rows: [...names, 'all'].map((name) => ({
        name,
        columns: {
          'one function': megabytes(name, before),
          [`and ${BRANCHES} branches`]: megabytes(name, after),
        },
      })),
    };
  } finally {
    await app.dispose();
  }
}

/** One function awake, the rest asleep: what nobody asks goes to sleep, and a restart is the quickest way there. */
async function measureIdle(platform: Platform, app: DeployedApp): Promise<Record<string, number>> {
  await platform.restart();
  await app.ask();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return proportionalSizes(platform.pid);
}

function megabytes(name: string, sizes: Record<string, number>): string {
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  return ((name === 'all' ? total : (sizes[name] ?? 0)) / 1000).toFixed(1);
}
