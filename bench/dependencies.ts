/**
 * Push to live of an app with twenty packages of the public registry, which are installed by then and come out of the
 * app's cache: what somebody waits for who has changed a line. Once by a function that uses each package as its own
 * documentation does first, once by one that imports all that each has, so that nothing of them can be left out, and
 * once by one that imports what no push before it has. Beside them, in the same rounds, the same push of an app without
 * packages, which is their floor.
 */
import { startPlatform } from '../test/support/platform.ts';
import { lock } from '../test/support/lockfiles.ts';
import { DeployedApp } from './support/deployed-app.ts';
import type { BenchResult } from './support/result.ts';
import { median, spread } from './support/statistics.ts';

const ROUNDS = 7;
const REST_MS = 700;
const REGISTRY = 'https://registry.npmjs.org/';
/** Version, how it is imported, and what is done with it. */
const PACKAGES: Record<string, [version: string, imported: string, use: string]> = {
  ajv: ['8.17.1', '{ Ajv }', "new Ajv().compile({ type: 'string' })('text')"],
  axios: ['1.7.9', 'axios', 'axios.create({ timeout: 1000 }).getUri({ url: "/path" })'],
  chalk: ['5.4.1', 'chalk', "chalk.red('text')"],
  commander: ['13.1.0', '{ Command }', "new Command().name('tool').name()"],
  'date-fns': ['4.1.0', '{ addDays, format }', "format(addDays(new Date(0), 1), 'yyyy-MM-dd')"],
  dayjs: ['1.11.13', 'dayjs', 'dayjs(0).year()'],
  debug: ['4.4.0', 'debug', "debug('app').namespace"],
  dotenv: ['16.4.7', '{ parse as parseEnv }', "parseEnv('A=1').A"],
  express: ['4.21.2', 'express', 'typeof express().get'],
  jsonwebtoken: ['9.0.2', 'jwt', "jwt.decode(jwt.sign({ sub: 'me' }, 'key')).sub"],
  lodash: ['4.17.21', 'lodash', 'lodash.chunk([1, 2, 3], 2).length'],
  'mime-types': ['2.1.35', '{ lookup }', "lookup('a.html')"],
  ms: ['2.1.3', 'ms', "ms('2 days')"],
  nanoid: ['5.0.9', '{ nanoid }', 'nanoid().length'],
  qs: ['6.14.0', '{ parse as parseQuery }', "parseQuery('a[b]=c').a.b"],
  semver: ['7.6.3', 'semver', "semver.gt('2.0.0', '1.0.0')"],
  uuid: ['11.0.5', '{ v4 }', 'v4().length'],
  ws: ['8.18.0', '{ WebSocket }', 'WebSocket.OPEN'],
  yaml: ['2.7.0', '{ parse as parseYaml }', "parseYaml('a: 1').a"],
  zod: ['3.24.1', '{ z }', "z.string().parse('text')"],
};
const APPS = {
  plain: { title: 'no dependencies', code: plainCode },
  used: { title: '20 cached dependencies, each used', code: usingCode },
  whole: { title: '20 cached dependencies, all of each', code: wholeCode },
  more: { title: '20 cached dependencies, each used, and something new of one', code: moreCode },
};

export async function benchDependencies(): Promise<BenchResult> {
  await using platform = await startPlatform({ env: { FN_NPM_REGISTRY: REGISTRY } });
  const versions = Object.entries(PACKAGES).map(([name, [version]]) => [name, version]);
  const project = { name: 'bench', dependencies: Object.fromEntries(versions) as object };
  const files = await lock('npm', REGISTRY, { 'package.json': JSON.stringify(project) });
  const runs = [];
  try {
    for (const [label, { title, code }] of Object.entries(APPS)) {
      const app = await DeployedApp.create(platform, label);
      if (label !== 'plain') await app.write(files);
      runs.push({ app, label, title, code, times: [] as number[] });
    }
    for (let round = 0; round <= ROUNDS; round++) {
      for (const { app, label, code, times } of runs) {
        const elapsedMs = await pushed(app, label, code(round));
        if (round > 0) times.push(elapsedMs); // The first installs.
      }
    }
  } finally {
    for (const { app } of runs) await app.dispose();
  }
  return {
    name: 'dependencies',
    about: `push to live with 20 cached dependencies, milliseconds, ${ROUNDS} rounds`,
    rows: runs.map(({ title, times }) => ({
      name: title,
      columns: { 'median ms': median(times).toFixed(0), spread: spread(times) },
    })),
  };
}

/** Commits, rests, and pushes; milliseconds until the commit answers. */
async function pushed(app: DeployedApp, label: string, code: string): Promise<number> {
  const commit = await app.commitCode(code, 'Change');
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  return app.untilLive(label, commit, () => app.push());
}

function plainCode(round: number): string {
  return handler('[]', round);
}

function usingCode(round: number): string {
  const packages = Object.entries(PACKAGES);
  const imports = packages.map(([name, [, imported]]) => `import ${imported} from '${name}';\n`);
  const uses = packages.map(([, [, , use]]) => use);
  return imports.join('') + handler(`[${uses.join(', ')}]`, round);
}

/** Each from a module of its own, which no other round imports. */
const NEWS = [
  'addHours',
  'addWeeks',
  'endOfDay',
  'getDate',
  'isFriday',
  'isMonday',
  'subYears',
  'toDate',
];

function moreCode(round: number): string {
  return `import { ${NEWS[round]} as news } from 'date-fns';\nexport const more = news;\n${usingCode(round)}`;
}

function wholeCode(round: number): string {
  const names = Object.keys(PACKAGES);
  const imports = names.map((name, index) => `import * as p${index} from '${name}';\n`);
  const sizes = names.map((_, index) => `Object.keys(p${index}).length`);
  return imports.join('') + handler(`[${sizes.join(', ')}]`, round);
}

function handler(values: string, round: number): string {
  return `const values = ${values};
export const handler = async () => ({ statusCode: 200, body: { values, round: ${round} } });
`;
}
