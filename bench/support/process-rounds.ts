/** One warm function behind one data process and behind two: a whole platform each, asked in turns. */
import { type Platform, startPlatform } from '../../test/support/platform.ts';
import { DeployedApp } from './deployed-app.ts';
import { type LoadResult, runWrk } from './wrk.ts';

export const DATA_PROCESSES = [1, 2] as const;
/** A push under load takes longer than one without. */
const PUSH_SECONDS = 5;
const APP = 'warm';

export interface ProcessRound extends LoadResult {
  /** Of a span in which a push goes live. */
  pushP99Ms: number;
  pushFailures: number;
  /** From its start to the first answer of what it brought, under load. */
  pushToLiveMs: number;
}

interface Served {
  processes: number;
  app: DeployedApp;
  platform: Platform;
}

export async function measureProcesses(
  rounds: number,
  load: { connections: number; seconds: number },
): Promise<Map<number, ProcessRound[]>> {
  await using stack = new AsyncDisposableStack();
  const served: Served[] = [];
  for (const processes of DATA_PROCESSES) {
    const env = { FN_DATA_PROCESSES: String(processes) };
    const platform = stack.use(await startPlatform({ env }));
    const app = await DeployedApp.create(platform, APP);
    stack.defer(() => app.dispose());
    await app.commit('first');
    await app.push();
    served.push({ processes, app, platform });
  }
  const measured = new Map<number, ProcessRound[]>(DATA_PROCESSES.map((one) => [one, []]));
  for (let round = -1; round < rounds; round++) {
    for (const one of served) {
      const result = await measure(one, load, `round ${round}`);
      if (round >= 0) measured.get(one.processes)?.push(result); // The first warms up.
    }
  }
  return measured;
}

async function measure(
  { app, platform }: Served,
  load: { connections: number; seconds: number },
  text: string,
): Promise<ProcessRound> {
  const target = { port: platform.port, host: app.host };
  const quiet = await runWrk(target, load);
  const commit = await app.commit(text);
  const [pushed, pushToLiveMs] = await Promise.all([
    runWrk(target, { ...load, seconds: PUSH_SECONDS }),
    app.untilLive(APP, commit, () => app.push()),
  ]);
  return { ...quiet, pushP99Ms: pushed.p99Ms, pushFailures: pushed.failures, pushToLiveMs };
}
