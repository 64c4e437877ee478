/**
 * `npm run fuzz`: looks for counter-examples to each property of test/fuzz for an hour, `-- --minutes N` for as long
 * as that, in rounds, each with a seed of its own and all properties for a few seconds. Each round tells its seed, how
 * far the run is and what it found; a finding does not end the run, which tells at its end how to find each again, and
 * exits 1. `-- --seed S` begins with that seed, `-- --seconds N` is one round, in which each property gets so long.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const PROJECT = resolve(import.meta.dirname, '../..');
const MAX_SECONDS = 24 * 3600;
const DEFAULT_MINUTES = '60';
/** For each property, of a round. */
const ROUND_SECONDS = 5;
/** fast-check's seeds are 32-bit integers. */
const MAX_SEED = 2 ** 31 - 1;

interface Round {
  seed: number;
  /** For each property. */
  seconds: number;
}

async function look({ seed, seconds }: Round): Promise<boolean> {
  const vitest = join(PROJECT, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', 'test/fuzz'], {
    cwd: PROJECT,
    env: { ...process.env, FUZZ_SECONDS: String(seconds), FUZZ_SEED: String(seed) },
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0;
}

function say(line: string): void {
  process.stdout.write(`fuzz: ${line}\n`);
}

/** The rounds that found something. */
async function lookInRounds(minutes: number, firstSeed: number): Promise<Round[]> {
  const beganAt = performance.now();
  const minutesSince = (): string => ((performance.now() - beganAt) / 60_000).toFixed(1);
  const found: Round[] = [];
  for (let round = 1; Number(minutesSince()) < minutes; round += 1) {
    const looked = { seed: (firstSeed + round - 1) % MAX_SEED, seconds: ROUND_SECONDS };
    say(`round ${round}, with seed ${looked.seed}`);
    const isSound = await look(looked);
    if (!isSound) found.push(looked);
    const outcome = isSound ? 'nothing found' : 'found what is told above';
    say(`round ${round}, ${minutesSince()} of ${minutes} minutes: ${outcome}`);
  }
  return found;
}

async function lookOnce(round: Round): Promise<Round[]> {
  say(`${round.seconds} s for each property, with seed ${round.seed}`);
  return (await look(round)) ? [] : [round];
}

function readNumber(name: string, text: string, most: number): number {
  const value = Number(text);
  const isSound = Number.isInteger(value) && value >= 1 && value <= most;
  if (!isSound) {
    process.stderr.write(`--${name} is a number from 1 to ${most}\n`);
    process.exit(2);
  }
  return value;
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    minutes: { type: 'string', default: DEFAULT_MINUTES },
    seed: { type: 'string', default: String(randomInt(1, MAX_SEED)) },
  },
});
const seed = readNumber('seed', values.seed, MAX_SEED);
const found =
  values.seconds === undefined
    ? await lookInRounds(readNumber('minutes', values.minutes, MAX_SECONDS / 60), seed)
    : await lookOnce({ seed, seconds: readNumber('seconds', values.seconds, MAX_SECONDS) });
for (const { seed: again, seconds } of found)
  say(`found again by: npm run fuzz -- --seed ${again} --seconds ${seconds}`);
say(found.length === 0 ? 'nothing found' : `${found.length} rounds found something`);
process.exit(found.length === 0 ? 0 : 1);
