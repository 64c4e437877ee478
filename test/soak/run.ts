/**
 * `npm run soak -- --minutes N`: ten minutes otherwise. Prints a line each half minute and a verdict; exits 1 when
 * something did not hold. Needs the rights of whoever starts a server.
 */
import { realpath } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { eventually } from '../support/eventually.ts';
import { startPlatform } from '../support/platform.ts';
import { descendantsOf, survivors } from '../support/processes.ts';
import { remainsOf } from './leftovers.ts';
import { Soak } from './soak.ts';

const MAX_MINUTES = 7 * 24 * 60;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0 && minutes <= MAX_MINUTES)) {
  process.stderr.write(`--minutes is a number above 0, at most ${MAX_MINUTES}\n`);
  process.exit(2);
}

await using platform = await startPlatform();
const problems = await new Soak(platform, say).run(minutes);
const dataDir = await realpath(platform.dataDir);
const processes = descendantsOf(platform.pid);
const code = await platform.stop();
if (code !== 0) problems.push(`the server ended with ${code}`);
await eventually(() => survivors(processes).length === 0).catch(() => {
  problems.push(`${survivors(processes).length} processes outlive the platform`);
});
problems.push(...remainsOf(dataDir).map((what) => `left behind: ${what}`));
for (const problem of problems) say(`does not hold: ${problem}`);
say(
  problems.length === 0 ? 'verdict: everything held' : `verdict: ${problems.length} did not hold`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
