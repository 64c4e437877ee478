import fc from 'fast-check';
import type { Platform } from '../support/platform.ts';
import type { History } from './history.ts';
import { judge } from './judge.ts';
import { add, occurrences } from './occurrences.ts';
import { play } from './play.ts';
import { describeScript, scripts, type Script, withKills } from './script.ts';

interface Run {
  platform: () => Platform;
  /** App names begin with it. */
  name: string;
  seconds: number;
  clients: number;
  steps: number;
  kills: number;
  wide: number;
}

interface Played {
  played: number;
  readings: number;
  /** How often what can meet has met, by name. */
  met: Map<string, number>;
}

/**
 * Plays scripts, each on an app of its own, for so many seconds. A script that finds something is told with its seed:
 * `HISTORY_SEED=N` begins with the same scripts. It need not find it again, since processes take turns as they like.
 */
export async function playScripts(run: Run): Promise<Played> {
  const seed = Number(process.env['HISTORY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  process.stdout.write(`HISTORY_SEED=${seed}\n`);
  const endsAt = performance.now() + run.seconds * 1000;
  const told = { played: 0, readings: 0, operations: 0, met: new Map<string, number>() };
  const sample = fc.sample(scripts(run), { seed, numRuns: MAX_SCRIPTS });
  for (const script of run.kills > 0 ? withKills(sample) : sample) {
    if (performance.now() > endsAt) break;
    const history = await play(run.platform(), `${run.name}-${told.played}`, script);
    const problems = judge(history);
    if (problems.length > 0) throw new Error(describe(seed, { script, history, problems }));
    told.played += 1;
    told.readings += history.readings.length;
    told.operations += history.operations.length;
    add(told.met, occurrences(history));
  }
  const { played, readings, operations } = told;
  process.stdout.write(`${played} scripts, ${operations} operations, ${readings} requests\n`);
  for (const [what, times] of told.met) process.stdout.write(`  ${times} × ${what}\n`);
  return told;
}

const MAX_SCRIPTS = 2_000;
const MAX_PROBLEMS = 8;

function describe(
  seed: number,
  found: { script: Script; history: History; problems: string[] },
): string {
  const operations = found.history.operations.map((one) => {
    const { kind, ref, commit, value, answer, version, invokedAt, completedAt, said } = one;
    const when = `${invokedAt.toFixed(0)}-${completedAt.toFixed(0)}`;
    const what = [kind, ref, commit?.slice(0, 7), value, answer, version && `v${version}`];
    return `${when} ${what.filter(Boolean).join(' ')}\n    ${said.trim().replaceAll('\n', '\n    ')}`;
  });
  const rows = found.history.end.rows.map((row) => JSON.stringify(row));
  return [
    `HISTORY_SEED=${seed} has found:`,
    ...found.problems.slice(0, MAX_PROBLEMS),
    describeScript(found.script),
    ...operations,
    ...rows,
  ].join('\n');
}
