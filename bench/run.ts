/**
 * `npm run bench` runs all benches, `npm run bench -- NAME…` those, `npm run bench -- report` writes what they have
 * measured into README.md and docs/figures/. Results: a table here, JSON in bench/results/. `NAME:PART` runs a part of a
 * bench that has parts; the result of a part is printed and not kept.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { benchApi } from './api.ts';
import { benchBurst } from './burst.ts';
import { benchCertificates } from './certificates.ts';
import { benchColdBundle } from './cold-bundle.ts';
import { benchCold } from './cold.ts';
import { benchConfinement } from './confinement.ts';
import { benchDensity } from './density.ts';
import { benchDependencies } from './dependencies.ts';
import { benchEnvironment } from './environment.ts';
import { benchIdle } from './idle.ts';
import { benchIsolation } from './isolation.ts';
import { benchLatency } from './latency.ts';
import { benchLogs } from './logs.ts';
import { benchMetrics } from './metrics.ts';
import { benchParts } from './parts.ts';
import { benchPayload } from './payload.ts';
import { benchPeers } from './peers.ts';
import { benchOverload } from './overload.ts';
import { benchPush } from './push.ts';
import { benchPushes } from './pushes.ts';
import { RESULTS, writeReport } from './report/write-report.ts';
import { benchRevocation } from './revocation.ts';
import { benchScale } from './scale.ts';
import { benchServers } from './servers.ts';
import { benchSwap } from './swap.ts';
import { endWithChildren } from './support/end-with-children.ts';
import {
  type BenchResult,
  describeConditions,
  formatTable,
  machineConditions,
} from './support/result.ts';
import { benchTls } from './tls.ts';
import { benchWarm } from './warm.ts';

const BENCHES: Record<string, (part?: string) => Promise<BenchResult>> = {
  push: benchPush,
  pushes: benchPushes,
  dependencies: benchDependencies,
  environment: benchEnvironment,
  revocation: benchRevocation,
  warm: benchWarm,
  latency: benchLatency,
  peers: benchPeers,
  parts: benchParts,
  payload: benchPayload,
  scale: benchScale,
  swap: benchSwap,
  servers: benchServers,
  tls: benchTls,
  certificates: benchCertificates,
  cold: benchCold,
  'cold-bundle': benchColdBundle,
  burst: benchBurst,
  confinement: benchConfinement,
  idle: benchIdle,
  density: benchDensity,
  logs: benchLogs,
  metrics: benchMetrics,
  api: benchApi,
  isolation: benchIsolation,
  overload: benchOverload,
};
const REPORT = 'report';

const wanted = process.argv.slice(2).map((word) => {
  const [name = '', part] = word.split(':');
  return { name, part };
});
const unknown = wanted.filter(({ name }) => name !== REPORT && !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  const known = [...Object.keys(BENCHES), REPORT].join(', ');
  console.error(
    `no bench is named ${unknown.map(({ name }) => name).join(', ')}; there are: ${known}`,
  );
  process.exit(2);
}
endWithChildren();
const all = Object.keys(BENCHES).map((name) => ({ name, part: undefined }));
for (const { name, part } of wanted.length === 0 ? all : wanted) {
  const bench = BENCHES[name];
  if (bench === undefined) await writeReport();
  else await run(bench, part);
}

async function run(bench: (part?: string) => Promise<BenchResult>, part?: string): Promise<void> {
  const conditions = machineConditions();
  const result = await bench(part);
  console.log(`${result.name}: ${result.about}`);
  console.log(`on ${describeConditions(conditions)}\n`);
  console.log(`${formatTable(result.rows)}\n`);
  if (part !== undefined) return;
  await mkdir(RESULTS, { recursive: true });
  const stored = { at: new Date().toISOString(), conditions, ...result };
  await writeFile(join(RESULTS, `${result.name}.json`), `${JSON.stringify(stored, null, 2)}\n`);
}
