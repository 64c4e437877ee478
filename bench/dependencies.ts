/**
 * Push to live of an app with twenty packages of the public registry, which are installed by then and come out of the
 * app's cache: what somebody waits for who has changed a line. Beside it, in the same rounds, the same push of an app
 * without packages, which is its floor. The function imports all of them.
 */
import { startPlatform } from '../test/support/platform.ts';
import { lock } from '../test/support/lockfiles.ts';
import { DeployedApp } from './support/deployed-app.ts';
import type { BenchResult } from './support/result.ts';
import { median, spread } from './support/statistics.ts';

const ROUNDS = 7;
const REST_MS = 700;
const REGISTRY = 'https://registry.npmjs.org/';
const DEPENDENCIES = {
  ajv: '8.17.1',
  axios: '1.7.9',
  chalk: '5.4.1',
  commander: '13.1.0',
  'date-fns': '4.1.0',
  dayjs: '1.11.13',
  debug: '4.4.0',
  dotenv: '16.4.7',
  express: '4.21.2',
  jsonwebtoken: '9.0.2',
  lodash: '4.17.21',
  'mime-types': '2.1.35',
  ms: '2.1.3',
  nanoid: '5.0.9',
  qs: '6.14.0',
  semver: '7.6.3',
  uuid: '11.0.5',
  ws: '8.18.0',
  yaml: '2.7.0',
  zod: '3.24.1',
};

export async function benchDependencies(): Promise<BenchResult> {
  await using platform = await startPlatform({ env: { FN_NPM_REGISTRY: REGISTRY } });
  const project = { name: 'bench', version: '1.0.0', dependencies: DEPENDENCIES };
  const files = await lock('npm', REGISTRY, { 'package.json': JSON.stringify(project) });
  const names = Object.keys(DEPENDENCIES);
  const rich = await DeployedApp.create(platform, 'rich');
  const plain = await DeployedApp.create(platform, 'plain');
  const times = { 'no dependencies': [] as number[], '20 cached dependencies': [] as number[] };
  try {
    await rich.write(files);
    for (let round = 0; round <= ROUNDS; round++) {
      const plainMs = await pushed(plain, 'plain', functionCode([], round));
      const richMs = await pushed(rich, 'rich', functionCode(names, round));
      if (round === 0) continue; // Installs.
      times['no dependencies'].push(plainMs);
      times['20 cached dependencies'].push(richMs);
    }
  } finally {
    await rich.dispose();
    await plain.dispose();
  }
  return {
    name: 'dependencies',
    about: `push to live with 20 cached dependencies, milliseconds, ${ROUNDS} rounds`,
    rows: Object.entries(times).map(([name, values]) => ({
      name,
      columns: { 'median ms': median(values).toFixed(0), spread: spread(values) },
    })),
  };
}

/** Commits, rests, and pushes; milliseconds until the commit answers. */
async function pushed(app: DeployedApp, label: string, code: string): Promise<number> {
  const commit = await app.commitCode(code, 'Change');
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  return app.untilLive(label, commit, () => app.git('push', '-q', 'fn', 'main'));
}

function functionCode(packages: readonly string[], round: number): string {
  const imports = packages.map((name, index) => `import * as p${index} from '${name}';\n`);
  const used = packages.map((_, index) => `Object.keys(p${index}).length`).join(', ');
  return `${imports.join('')}const sizes: number[] = [${used}];
export const handler = async () => ({ statusCode: 200, body: { sizes, round: ${round} } });
`;
}
