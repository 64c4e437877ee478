/** The ways in which a platform runs, and what is asked of it in each. */
import { realpath } from 'node:fs/promises';
import { startPlatform, type Platform } from '../support/platform.ts';
import type { Traces } from './strays.ts';
import { openTestNetwork, PORTS, type TestNetwork } from '../support/test-network.ts';

export const FORMS = ['root', 'networks', 'user'] as const;
export type Form = (typeof FORMS)[number];

export interface Surroundings extends AsyncDisposable {
  platform: Platform;
  /** What each app does before it answers; what it evaluates to is told when it is not empty. */
  apps: ReadonlyMap<string, string>;
  /** Those that reach nothing while the egress process is away. */
  byEgress: ReadonlySet<string>;
  traces: Traces;
  /** Runs a command on a machine of the platform's own, where it has one; the lines that name gitfn. */
  linesOf: (command: string) => string[];
}

/** Nobody's, and outside the blocks that servers take. */
const ORDINARY_UID = 65_532;
const ADDRESS = '93.184.216.34';
const NAME = 'web.example.com';

const APPS: [name: string, work: string][] = [
  ['steady', ''],
  ['printing', `for (let i = 0; i < 20; i += 1) console.log('line', i, 'x'.repeat(200));`],
  ['slow', `await new Promise((resolve) => setTimeout(resolve, 150));`],
];
const OUTWARD: [name: string, work: string][] = [
  ['address', connecting(ADDRESS)],
  ['name', connecting(NAME)],
];

/**
 * Statements that assign why nothing was reached. They wait first: the platform makes 50 connections or look-ups a
 * second for a sandbox, a look-up being two, for both families.
 */
function connecting(host: string): string {
  return `await new Promise((resolve) => setTimeout(resolve, 150));
    outcome = await new Promise((resolve) => http
      .get('http://${host}:${PORTS.web}/', { agent: false }, (response) => response.resume().on('end', () => resolve('')))
      .on('error', (error) => resolve(error.message)));`;
}

/**
 * `root`: functions have no network. `networks`: each has one of its own, on a machine that is a network namespace, as
 * is the internet around it. `user`: an ordinary user's, whose functions connect by the egress process.
 * @throws when this is not root, but for `user`, which then is who runs this and has no way out.
 */
export async function openForm(form: Form): Promise<Surroundings> {
  const isRoot = process.getuid?.() === 0;
  await using stack = new AsyncDisposableStack();
  const network = form === 'root' || !isRoot ? null : await openTestNetwork();
  stack.defer(async () => network?.close());
  network?.setZone({ [NAME]: [ADDRESS] });
  const platform = await startPlatform({
    ...(network !== null && { network }),
    ...(form === 'user' && isRoot && { asUid: ORDINARY_UID }),
  });
  stack.use(platform);
  const dataDir = await realpath(platform.dataDir);
  const uid = form === 'user' && isRoot ? ORDINARY_UID : null;
  const opened = stack.move();
  return {
    platform,
    traces: { supervisor: platform.pid, dataDir, uid },
    apps: new Map(network === null ? APPS : [...APPS, ...OUTWARD]),
    byEgress: new Set(form === 'user' ? ['address', 'name'] : ['name']),
    linesOf: (command) => linesOf(network, command),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function linesOf(network: TestNetwork | null, command: string): string[] {
  const text = network?.run(command) ?? '';
  return text.split('\n').filter((line) => line.includes('gitfn'));
}
