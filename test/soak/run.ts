/**
 * `npm run soak -- --minutes N --form root|networks|user|all`: ten minutes otherwise, in the form of whoever runs it.
 * Prints a line each half minute and a verdict; exits 1 when something did not hold.
 */
import { parseArgs } from 'node:util';
import { eventually } from '../support/eventually.ts';
import { descendantsOf, survivors } from '../support/processes.ts';
import { type Form, FORMS, openForm } from './forms.ts';
import { remainsOf } from './leftovers.ts';
import { Soak } from './soak.ts';
import { findStrays } from './strays.ts';

const MAX_MINUTES = 7 * 24 * 60;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const isRoot = process.getuid?.() === 0;
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    form: { type: 'string', default: isRoot ? 'root' : 'user' },
  },
});
const minutes = Number(values.minutes);
const forms = FORMS.filter((form) => values.form === form || values.form === 'all');
if (!(minutes > 0 && minutes <= MAX_MINUTES))
  refuse(`--minutes is a number above 0, at most ${MAX_MINUTES}`);
if (forms.length === 0) refuse(`--form is one of ${FORMS.join(', ')}, all`);
if (!isRoot && forms.some((form) => form !== 'user'))
  refuse('only root runs other forms than --form user');

let missed = 0;
for (const form of forms) {
  say(`as ${form}, for ${minutes} minutes`);
  const problems = await soak(form);
  for (const problem of problems) say(`does not hold: ${problem}`);
  missed += problems.length;
}
say(missed === 0 ? 'verdict: everything held' : `verdict: ${missed} did not hold`);
process.exitCode = missed === 0 ? 0 : 1;

/** Resolves with what did not hold. */
async function soak(form: Form): Promise<string[]> {
  await using surroundings = await openForm(form);
  const { platform, traces, linesOf } = surroundings;
  const problems = await new Soak(surroundings, say).run(minutes);
  const processes = descendantsOf(platform.pid);
  const code = await platform.stop();
  if (code !== 0) problems.push(`the server ended with ${code}`);
  const left = (): number[] => [
    ...survivors(processes).map(({ pid }) => pid),
    ...findStrays(traces),
  ];
  await eventually(() => left().length === 0).catch(() => {
    problems.push(`processes outlive the platform: ${left().join(', ')}`);
  });
  const remains = remainsOf(traces.dataDir, linesOf);
  say(`       left behind: ${left().length} processes, ${remains.length} other things`);
  return [...problems, ...remains.map((what) => `left behind: ${what}`)];
}

function refuse(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(2);
}
