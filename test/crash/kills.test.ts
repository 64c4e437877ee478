/**
 * Each process killed at a random moment of a push. The seed is printed; `CRASH_SEED=… npm run test:crash -- kills` kills at
 * the same moments again, as far as the machine is as fast.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findTargets, type Target } from '../soak/targets.ts';
import { becomesConsistent } from '../support/consistency.ts';
import { eventually } from '../support/eventually.ts';
import { SETTLED_MS } from './crash-story.ts';
import { startStory, type StartedStory } from './start-story.ts';
import { watchApp } from './watched-app.ts';

const ROUNDS = 4;
/** A push of the app takes about half of it here. */
const LATEST_MS = 1_000;
const SEED = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);

let started: StartedStory;

beforeAll(async () => {
  process.stdout.write(`CRASH_SEED=${SEED}\n`);
  started = await startStory('random');
});

afterAll(() => started?.[Symbol.asyncDispose]());

/** A small generator of its own, so that a seed means the same everywhere (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const TARGETS: (Target | 'supervisor')[] = [
  'supervisor',
  'control',
  'git',
  'data',
  'launcher',
  'postgres',
  'builder',
  'worker',
];
/** No request notices that these are gone. */
const UNNOTICED: readonly string[] = ['control', 'git', 'postgres', 'builder'];

const random = createRandom(SEED);
const MOMENTS = TARGETS.flatMap((target) =>
  Array.from({ length: ROUNDS }, (): [string, number] => [
    target,
    Math.round(random() * LATEST_MS),
  ]),
);

it.each(MOMENTS)('of %s after %i ms', { timeout: 240_000 }, async (target, afterMs) => {
  const { platform, story } = started;
  await story.commit();
  const watch = watchApp(platform, story.app);
  const pushing = story.repository.push('main').catch((error: unknown) => ({
    code: -1,
    output: String(error),
  }));
  await delay(afterMs);
  if (target === 'supervisor') {
    await platform.kill9();
  } else {
    const [victim] = findTargets(platform.pid, target as Target);
    // There is a builder only while something is built, or shortly before.
    if (victim !== undefined) kill(victim.pid);
  }
  const pushed = await pushing;
  if (target === 'supervisor') await platform.restart();
  await story.settles(pushed);
  await eventually(() => becomesConsistent(platform, SETTLED_MS), SETTLED_MS);
  await watch.stop();
  expect(watch.broken).toEqual([]);
  if (UNNOTICED.includes(target)) expect(watch.unanswered).toEqual([]);
  await story.pushAgain();
});

/** It may have ended between the look and the kill. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
