import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { planAddresses, type SlotNetwork } from '../../src/network/index.ts';
import { eventually } from '../support/eventually.ts';
import { type FilteredNetworks, openFilteredNetworks } from '../support/filtered-networks.ts';
import { PORTS } from '../support/test-network.ts';

/**
 * What the filter may not be led to. The kernel remembers a connection that nobody closed for five days. Whoever gets the address of the sandbox that had it
 * must not go on with it, nor make it anew, where only the first one's app may connect.
 */
const DEADLINE_MS = 60_000;
const PRIVATE = { host: '10.0.0.7', port: PORTS.database };
const LOCAL_PORT = 40_123;
/** So few that the addresses come again soon. */
const SLOTS = 40;
const PLAN = planAddresses(8);

/** Connects from one port, says how that went, and stays. */
const CONNECTS = `
const net = require('node:net');
const to = { host: '${PRIVATE.host}', port: ${PRIVATE.port}, localPort: ${LOCAL_PORT} };
const socket = net.connect(to, () => console.log('made')).on('error', ({ code }) => console.log(code));
socket.setTimeout(3000, () => console.log('late'));
setInterval(() => {}, 1000);
`;

/** Says to a public host what it reads, and prints what is answered. */
const TALKS = `
const socket = require('node:net').connect(${PORTS.database}, '93.184.216.34');
process.stdin.on('data', (word) => socket.write(word));
socket.on('data', (answer) => console.log(String(answer))).on('error', ({ code }) => console.log(code));
`;

let filtered: FilteredNetworks;
beforeAll(async () => {
  filtered = await openFilteredNetworks({
    ...PLAN,
    slots: SLOTS,
    slot: (index) => PLAN.slot(index % SLOTS),
  });
}, DEADLINE_MS);
afterAll(() => filtered.close(), DEADLINE_MS);

async function joined(app: string): Promise<SlotNetwork> {
  const slot = await filtered.networks.lease();
  slot.join(app, () => {});
  await eventually(() => filtered.isMarked(slot));
  return slot;
}

/** Packets that came out of all sandboxes. */
function packets(): number {
  const line = /gitfn8:\s*\d+\s+(\d+)/.exec(filtered.network.run('cat /proc/net/dev'));
  return Number(line?.[1]);
}

/** The next line that a program in there prints. */
function run(
  slot: SlotNetwork,
  code: string,
): { child: ChildProcess; line: () => Promise<string> } {
  const [file = '', ...args] = filtered.network.enter;
  const words = [...args, 'nsenter', `--net=${slot.file}`, process.execPath, '-e', code];
  const child: ChildProcess = spawn(file, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  if (child.stdout === null) throw new Error('it has an output');
  const lines = createInterface({ input: child.stdout });
  return { child, line: async () => ((await once(lines, 'line')) as [string])[0] };
}

function connectFrom(slot: SlotNetwork): Promise<string> {
  return run(slot, CONNECTS).line();
}

it(
  'a sandbox does not go on with a connection that another one of its address has left',
  async () => {
    const first = await joined('allowed');
    await first.allow([PRIVATE]);
    expect(await connectFrom(first)).toBe('made');
    // Its interface goes before the kernel could say that the connection ended.
    first.close();
    for (;;) {
      const next = await filtered.networks.lease();
      if (next.addresses.v4 !== first.addresses.v4) {
        next.close();
        continue;
      }
      const before = packets();
      expect(await connectFrom(next)).toBe('ECONNREFUSED');
      next.join('other', () => {});
      await eventually(() => filtered.isMarked(next));
      expect(await connectFrom(next)).toBe('ECONNREFUSED');
      expect(packets()).toBe(before);
      next.close();
      return;
    }
  },
  DEADLINE_MS,
);

it(
  'a sandbox goes on with its own, also with what it began before the filter knew its app',
  async () => {
    const slot = await filtered.networks.lease();
    const { child, line } = run(slot, TALKS);
    const talk = (word: string): Promise<string> => {
      child.stdin?.write(word);
      return line();
    };
    expect(await talk('early')).toBe('got early');
    slot.join('late', () => {});
    await eventually(() => filtered.isMarked(slot));
    for (const word of ['later', 'again']) expect(await talk(word)).toBe(`got ${word}`);
    slot.close();
  },
  DEADLINE_MS,
);

it(
  'a packet that says by which hosts it goes is not passed on',
  async () => {
    const slot = await joined('odd');
    // As on the machines that would do as it says.
    const settings = '/proc/sys/net/ipv4/conf/*/accept_source_route';
    filtered.inRouter(`sh -c 'for file in ${settings}; do echo 1 > $file; done'`);
    const send = (options: number[]): string =>
      filtered.network.run(
        `nsenter --net=${slot.file} perl -MSocket -e 'socket(S, PF_INET, SOCK_DGRAM, 17); ` +
          `setsockopt(S, 0, 4, pack("C*", ${options.join()})) or die "$!"; ` +
          `send(S, "x", 0, sockaddr_in(53, inet_aton("${PLAN.machine.v4}"))) or die "$!"'`,
      );
    const before = packets();
    send([]);
    expect(packets()).toBe(before + 1);
    // A loose source route (RFC 791) by way of the machine.
    send([0x83, 7, 4, 10, 0, 0, 7, 0]);
    expect(packets()).toBe(before + 1);
    slot.close();
  },
  DEADLINE_MS,
);
