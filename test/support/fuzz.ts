/**
 * `npm run fuzz -- --seconds N`: looks for counter-examples to each property of test/fuzz for so many seconds; half a
 * minute otherwise. `--minutes N`: in rounds of shorter looks with other seeds, for so long in all, until one
 * ends after it; each tells its end, and goes on after a finding. Exits 1 when one was found; what it prints of it, with its seed, finds it again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const PROJECT = resolve(import.meta.dirname, '../..');
const MAX_SECONDS = 24 * 3600;
/** For each property, of a round. */
const ROUND_SECONDS = 5;

async function look(seconds: number): Promise<number> {
  const vitest = join(PROJECT, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', 'test/fuzz'], {
    cwd: PROJECT,
    env: { ...process.env, FUZZ_SECONDS: String(seconds) },
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function lookInRounds(minutes: number): Promise<number> {
  const beganAt = performance.now();
  let worst = 0;
  const minutesSince = (): number => (performance.now() - beganAt) / 60_000;
  for (let round = 1; minutesSince() < minutes; round += 1) {
    const code = await look(ROUND_SECONDS);
    const found = code === 0 ? 'nothing found' : 'found what is told above';
    const passed = `${minutesSince().toFixed(1)} of ${minutes} minutes`;
    process.stdout.write(`fuzz: round ${round}, ${passed}: ${found}\n`);
    worst = Math.max(worst, code);
  }
  return worst;
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
  options: { seconds: { type: 'string', default: '30' }, minutes: { type: 'string' } },
});
const code =
  values.minutes === undefined
    ? await look(readNumber('seconds', values.seconds, MAX_SECONDS))
    : await lookInRounds(readNumber('minutes', values.minutes, MAX_SECONDS / 60));
process.exit(code);
