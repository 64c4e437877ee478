/**
 * `npm run bench` runs all benches, `npm run bench -- NAME` one. Results: a table here, JSON in bench/results/. What follows
 * the name chooses a part of a bench that has parts; the result of a part is printed and not kept.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { benchConfinement } from './confinement.ts';
import { benchDependencies } from './dependencies.ts';
import { benchEnvironment } from './environment.ts';
import { benchIdle } from './idle.ts';
import { benchIsolation } from './isolation.ts';
import { benchLatency } from './latency.ts';
import { benchLogs } from './logs.ts';
import { benchPeers } from './peers.ts';
import { benchOverload } from './overload.ts';
import { benchPush } from './push.ts';
import { benchScale } from './scale.ts';
import { benchSwap } from './swap.ts';
import { formatTable, machineConditions, type BenchResult } from './support/result.ts';
import { benchWarm } from './warm.ts';

const BENCHES: Record<string, (part?: string) => Promise<BenchResult>> = {
  push: benchPush,
  dependencies: benchDependencies,
  environment: benchEnvironment,
  warm: benchWarm,
  latency: benchLatency,
  peers: benchPeers,
  scale: benchScale,
  swap: benchSwap,
  confinement: benchConfinement,
  idle: benchIdle,
  logs: benchLogs,
  isolation: benchIsolation,
  overload: benchOverload,
};
const RESULTS = join(import.meta.dirname, 'results');

const [wanted, part] = process.argv.slice(2);
const chosen = wanted === undefined ? Object.keys(BENCHES) : [wanted];
for (const name of chosen) {
  const bench = BENCHES[name];
  if (bench === undefined) {
    console.error(`there is no bench "${name}"; there are: ${Object.keys(BENCHES).join(', ')}`);
    process.exit(2);
  }
  const conditions = machineConditions();
  const result = await bench(part);
  console.log(`${result.name}: ${result.about}`);
  console.log(
    `on ${Object.entries(conditions)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}\n`,
  );
  console.log(`${formatTable(result.rows)}\n`);
  if (part !== undefined) continue;
  await mkdir(RESULTS, { recursive: true });
  const file = join(RESULTS, `${result.name}.json`);
  await writeFile(
    file,
    `${JSON.stringify({ at: new Date().toISOString(), conditions, ...result }, null, 2)}\n`,
  );
}
