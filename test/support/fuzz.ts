/**
 * `npm run fuzz -- --seconds N`: looks for counter-examples to each property of test/fuzz for so many seconds; half a
 * minute otherwise. Exits 1 when one was found; what it prints of it finds it again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const PROJECT = resolve(import.meta.dirname, '../..');
const MAX_SECONDS = 24 * 3600;

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '30' } } });
const seconds = Number(values.seconds);
if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_SECONDS) {
  process.stderr.write(`--seconds is a number from 1 to ${MAX_SECONDS}, for each property\n`);
  process.exit(2);
}
const vitest = join(PROJECT, 'node_modules/vitest/vitest.mjs');
const child = spawn(process.execPath, [vitest, 'run', 'test/fuzz'], {
  cwd: PROJECT,
  env: { ...process.env, FUZZ_SECONDS: String(seconds) },
  stdio: 'inherit',
});
const [code] = (await once(child, 'exit')) as [number | null];
process.exit(code ?? 1);
