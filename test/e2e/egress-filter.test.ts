import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { planAddresses, type SlotNetwork } from '../../src/network/index.ts';
import { eventually } from '../support/eventually.ts';
import { type FilteredNetworks, openFilteredNetworks } from '../support/filtered-networks.ts';
import { PORTS } from '../support/test-network.ts';

const START_DEADLINE_MS = 60_000;
const CROWD_DEADLINE_MS = 120_000;
const TOLD_DEADLINE_MS = 30_000;
const HOST = '93.184.216.34';
const PLAN = planAddresses(7);
const PER_WORKER = 512;
const PER_APP = 4_096;

/** Opens as many connections as a line of its input says, keeps those that stand, and says how it went. */
const OPENS = `
const net = require('node:net');
const kept = [];
const open = () => new Promise((resolve) => {
  const socket = net.connect({ host: '${HOST}', port: ${PORTS.database} });
  const timer = setTimeout(() => { socket.destroy(); resolve('late'); }, 3000);
  const end = (what) => { clearTimeout(timer); resolve(what); };
  socket.on('connect', () => { kept.push(socket); end('made'); }).on('error', ({ code }) => end(code));
});
require('node:readline').createInterface({ input: process.stdin }).on('line', async (count) => {
  const counts = {};
  for (const what of await Promise.all(Array.from({ length: Number(count) }, open))) counts[what] = (counts[what] ?? 0) + 1;
  console.log(JSON.stringify(counts));
});
`;

interface Counts {
  made?: number;
  late?: number;
  ECONNREFUSED?: number;
}

let filtered: FilteredNetworks;
const said: string[] = [];
/** What the logs of apps are told. */
const refusals: string[] = [];
beforeAll(async () => {
  filtered = await openFilteredNetworks(PLAN, (line) => void said.push(line));
}, START_DEADLINE_MS);
afterAll(() => filtered.close(), START_DEADLINE_MS);

/** A sandbox of an app, of which the filter knows it. */
async function joined(app: string): Promise<SlotNetwork> {
  const slot = await filtered.networks.lease();
  onTestFinished(() => slot.close());
  slot.join(app, (text) => void refusals.push(`${app}: ${text}`));
  await eventually(() => filtered.isMarked(slot));
  return slot;
}

/** The filter is looked at now and then. */
async function told(line: RegExp): Promise<void> {
  await eventually(() => expect(refusals.join('\n')).toMatch(line), TOLD_DEADLINE_MS);
}

function start(slot: SlotNetwork): { open: (count: number) => Promise<Counts> } {
  const [file = '', ...args] = filtered.network.enter;
  const words = [...args, 'nsenter', `--net=${slot.file}`, process.execPath, '-e', OPENS];
  const child: ChildProcess = spawn(file, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  if (child.stdout === null) throw new Error('it has an output');
  const lines = createInterface({ input: child.stdout });
  return {
    async open(count) {
      child.stdin?.write(`${count}\n`);
      const [line] = (await once(lines, 'line')) as [string];
      return JSON.parse(line) as Counts;
    },
  };
}

it(
  'a sandbox opens a burst of connections, and what goes beyond is refused at once',
  async () => {
    const crowd = start(await joined('bursts'));
    const neighbour = start(await joined('neighbour'));
    const { made = 0, late = 0, ECONNREFUSED: refused = 0 } = await crowd.open(900);
    // And those of the seconds that it takes.
    expect(made).toBeGreaterThanOrEqual(500);
    expect([made + refused, late]).toEqual([900, 0]);
    expect(made).toBeLessThanOrEqual(PER_WORKER);
    expect(await neighbour.open(20)).toEqual({ made: 20 });
    // By the time that the burst takes, either is what it runs into first.
    await told(/^bursts: Connections are refused: a worker (?:makes more than 100|has 512)/m);
  },
  CROWD_DEADLINE_MS,
);

it(
  'a sandbox has so many connections at a time and no more, however slowly they come',
  async () => {
    const crowd = start(await joined('slow'));
    let held = 0;
    for (const count of [400, 100, 50, 50, 50]) {
      const { made = 0 } = await crowd.open(count);
      held += made;
      await new Promise((resolve) => setTimeout(resolve, 600));
    }
    expect(held).toBe(PER_WORKER);
    expect(await crowd.open(10)).toEqual({ ECONNREFUSED: 10 });
    await told(/^slow: Connections are refused: a worker has 512, the most that one worker may/m);
  },
  CROWD_DEADLINE_MS,
);

it(
  'an app has so many in all its sandboxes together, and its neighbour goes on',
  async () => {
    const neighbour = start(await joined('neighbour'));
    let held = 0;
    // One more than would be enough if each had as many as one may.
    const slots = await Promise.all(Array.from({ length: 10 }, () => joined('crowded')));
    for (const slot of slots) {
      const worker = start(slot);
      for (let round = 0; round < 3; round++) held += (await worker.open(200)).made ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(held).toBeGreaterThan(PER_APP - PER_WORKER);
    expect(held).toBeLessThanOrEqual(PER_APP);
    expect(await neighbour.open(20)).toEqual({ made: 20 });
    await told(/^crowded: /m);
    // Of those of its sandboxes that were refused, one is enough; and whoever is refused nothing is told nothing.
    expect(refusals.filter((line) => line.startsWith('crowded')).length).toBeLessThan(5);
    expect(refusals.join('\n')).not.toContain('neighbour');
  },
  CROWD_DEADLINE_MS,
);

it(
  'a sandbox of which the filter knows no app has few, and all as soon as it knows',
  async () => {
    const slot = await filtered.networks.lease();
    onTestFinished(() => slot.close());
    const worker = start(slot);
    expect(await worker.open(100)).toEqual({ made: 64, late: 36 });
    slot.join('late', () => {});
    await eventually(() => filtered.isMarked(slot));
    expect(await worker.open(100)).toEqual({ made: 100 });
    // Nothing of it stays for the next one of its name.
    slot.close();
    await eventually(() => !filtered.isMarked(slot));
    expect(said).toEqual([]);
  },
  CROWD_DEADLINE_MS,
);
