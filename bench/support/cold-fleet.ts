/** Many deployments that sleep, for benches of cold starts: branches of a few apps, each with code of its own. */
import type { Platform } from '../../test/support/platform.ts';
import { descendantsOf } from '../../test/support/processes.ts';
import { DeployedApp } from './deployed-app.ts';

/** An app may have 64 workers at a time; what it has beyond would be ended for the next, which is another figure. */
const BRANCHES_PER_APP = 50;
/** One push carries at most 20 commits. */
const REFS_PER_PUSH = 20;
/** Builds are what takes time: so many deployments are of one commit. */
const BRANCHES_PER_COMMIT = 10;
const READY_DEADLINE_MS = 60_000;
const POLL_MS = 100;
/** The last of them are still booting. */
const SETTLE_MS = 3_000;

/** The source of the `number`th function; none is like another. */
export type SourceOf = (number: number) => string;

/** Pushes `count` functions and returns the hosts at which they answer. Their workers run: see `putToSleep`. */
export async function deployFleet(
  platform: Platform,
  { name, count, files = {} }: { name: string; count: number; files?: Record<string, string> },
  sourceOf: SourceOf,
): Promise<string[]> {
  const hosts: string[] = [];
  for (let first = 0; first < count; first += BRANCHES_PER_APP) {
    const app = await DeployedApp.create(platform, `${name}-${first}`);
    try {
      await app.write(files);
      const numbers = Array.from(
        { length: Math.min(BRANCHES_PER_APP, count - first) },
        (_, index) => first + index,
      );
      await pushBranches(app, numbers, sourceOf);
      hosts.push(...numbers.map((number) => `branch-${number}--${app.host}`));
    } finally {
      await app.dispose();
    }
  }
  return hosts;
}

async function pushBranches(
  app: DeployedApp,
  numbers: readonly number[],
  sourceOf: SourceOf,
): Promise<void> {
  let refs: string[] = [];
  let commit = '';
  for (const [index, number] of numbers.entries()) {
    if (index % BRANCHES_PER_COMMIT === 0) {
      commit = await app.commitCode(sourceOf(number), `number ${number}`);
    }
    refs.push(`${commit}:refs/heads/branch-${number}`);
    if (refs.length < REFS_PER_PUSH && index < numbers.length - 1) continue;
    await app.git('push', '-q', 'fn', ...refs);
    refs = [];
  }
}

/** Restarts the platform, after which no deployment has a worker, and waits until its zygotes are ready. */
export async function restartAsleep(platform: Platform, zygotes: number): Promise<void> {
  await platform.restart();
  await zygotesReady(platform, zygotes);
}

export async function zygotesReady(platform: Platform, zygotes: number): Promise<void> {
  const endsAt = performance.now() + READY_DEADLINE_MS;
  while (zygotesOf(platform.pid) < zygotes) {
    if (performance.now() > endsAt) throw new Error('the zygotes do not become ready');
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
  await new Promise((wake) => setTimeout(wake, SETTLE_MS));
}

/** Counted from outside, where no worker runs: a door that is asked would have compiled its code. */
function zygotesOf(server: number): number {
  return descendantsOf(server).filter(({ commandLine }) =>
    /^\/usr\/bin\/node .*\/runner\.cjs/.test(commandLine),
  ).length;
}
