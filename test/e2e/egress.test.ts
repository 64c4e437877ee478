import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Zone } from '../support/dns-server.ts';
import { eventually } from '../support/eventually.ts';
import { descendantsOf, survivors } from '../support/processes.ts';
import { ask } from '../support/ask.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { type Attempt, PROBE_SOURCE } from '../support/probe-function.ts';
import { createRepository } from '../support/repository.ts';
import {
  openTestNetwork,
  OWN_PUBLIC_ADDRESS,
  PORTS,
  SECURE_HOST,
  type TestNetwork,
} from '../support/test-network.ts';
import { sendSignal } from '../support/signals.ts';

const START_DEADLINE_MS = 120_000;
const PUBLIC = ['93.184.216.34', '2606:2800:220:1::34'];
const DATABASE = '10.0.0.7';
/** A name that begins with a zero byte has no file: any process of the same network may connect. */
const LISTEN_ABSTRACT =
  "require('node:net').createServer().listen('\\0gitfn-test', () => console.log('listening'))";

const HOSTILE_NAMES: Zone = {
  'private.example.com': ['10.0.0.7', 'fd00:1::7'],
  'metadata.example.com': ['169.254.169.254', 'fd00:ec2::254'],
  'loopback.example.com': ['127.0.0.1', '::1'],
  'nothing.example.com': ['0.0.0.0', '::'],
  'mapped.example.com': ['::ffff:10.0.0.7', '64:ff9b::a00:7'],
  'machine.example.com': [OWN_PUBLIC_ADDRESS, '192.168.77.2'],
  'neighbour.example.com': ['198.18.0.16', '198.18.0.1'],
};
const NAMES: Zone = {
  ...HOSTILE_NAMES,
  'web.example.com': PUBLIC,
  [SECURE_HOST]: PUBLIC,
  'rebound.example.com': [['93.184.216.77'], ['10.0.0.7']],
  'db.internal': ['10.1.2.3', 'fd00:1::3'],
  'other.internal': ['10.1.2.4'],
  'trap.internal': ['169.254.169.254', '127.0.0.1'],
};

let network: TestNetwork;
let platform: Platform;
beforeAll(async () => {
  network = await openTestNetwork();
  network.setZone(NAMES);
  platform = await startPlatform({
    network,
    env: {
      HOST: '0.0.0.0',
      FN_EGRESS_ALLOW: `10.0.0.0/24:${PORTS.database} *.internal:${PORTS.database}`,
    },
  });
  await deploy('probe', {});
  await deploy('trusted', {
    egress: [`${DATABASE}:${PORTS.database}`, 'db.internal:5432', 'trap.internal:5432'],
  });
}, START_DEADLINE_MS);
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await network.close();
}, START_DEADLINE_MS);

async function deploy(app: string, manifest: object): Promise<void> {
  const repository = await createRepository(platform, app);
  await repository.commit({ 'index.js': PROBE_SOURCE, 'fn.json': JSON.stringify(manifest) });
  const { code, output } = await repository.push('main');
  expect(output).toContain('Live');
  expect(code).toBe(0);
}

async function probe(
  app: string,
  attempts: Attempt[],
): Promise<{ addresses: string[]; results: string[] }> {
  const body = JSON.stringify(attempts);
  const headers = { 'content-type': 'application/json' };
  const answer = await ask(platform, app, { method: 'POST', headers, body });
  expect(answer.status, answer.body).toBe(200);
  return JSON.parse(answer.body) as { addresses: string[]; results: string[] };
}

async function results(app: string, ...attempts: Attempt[]): Promise<string[]> {
  return (await probe(app, attempts)).results;
}

/** Every destination at the web's and the database's port. */
function everywhere(addresses: readonly string[]): Attempt[] {
  return addresses.flatMap((tcp) => [
    { tcp, port: PORTS.web },
    { tcp, port: PORTS.database },
  ]);
}

const CLASSES: [what: string, addresses: string[]][] = [
  ['this host, by its other names', ['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.8.8.8', '::', '::1']],
  ['private networks', ['10.0.0.7', '10.255.0.1', '172.16.0.9', '172.31.9.9', '192.168.77.1']],
  ['shared and link-local networks', ['100.64.0.9', '169.254.10.1']],
  ['what clouds tell their machines', ['169.254.169.254', '100.100.100.200', '168.63.129.16']],
  ['private networks of IPv6', ['fd00:1::7', 'fc00::9', 'fd00:ec2::254', 'fec0::1']],
  ['IPv4 within IPv6', ['::ffff:10.0.0.7', '::ffff:169.254.169.254', '64:ff9b::a00:7', '::a00:7']],
  ['tunnels', ['2002:a00:7::1', '2001:0:a00:7::1', '64:ff9b:1::a00:7']],
  ['networks for tests and documents', ['198.18.200.1', '192.0.2.7', '2001:db8::7']],
  ['everybody at once', ['224.0.0.1', '240.0.0.1', '255.255.255.255', 'ff02::1', 'ff0e::1']],
];

describe('a function', () => {
  it('reaches public addresses of both families, by any protocol over TCP', async () => {
    const attempts = PUBLIC.map((tcp): Attempt => ({ tcp, port: PORTS.database, say: 'startup' }));
    const found = await results('probe', ...attempts, { url: `http://${PUBLIC[0]}/` });
    expect(found).toEqual(['got startup', 'got startup', `hello from ${PUBLIC[0]}`]);
    const arrived = await network.arrivals();
    // Behind the machine's own addresses.
    expect(arrived.map(({ to, from }) => [to, from])).toContainEqual([PUBLIC[0], '192.168.77.2']);
    expect(arrived.map(({ to, from }) => [to, from])).toContainEqual([PUBLIC[1], 'fd00:77::2']);
  });

  it('reaches public addresses by UDP, but sends no mail', async () => {
    const found = await results(
      'probe',
      { udp: '8.8.8.8', port: 53 },
      { tcp: '8.8.8.8', port: 25 },
    );
    expect(found[1]).toBe('ECONNREFUSED');
    const arrived = await network.arrivals();
    expect(arrived.some(({ protocol }) => protocol === 'udp')).toBe(true);
    expect(arrived.some(({ port }) => port === 25)).toBe(false);
  });

  it.each(CLASSES)('is refused at once: %s', async (_what, addresses) => {
    await network.arrivals();
    const attempts = [
      ...everywhere(addresses),
      ...addresses.map((udp): Attempt => ({ udp, port: 53 })),
    ];
    for (const found of await results('probe', ...attempts)) {
      expect(found).not.toBe('TIMEOUT');
      expect(found).toMatch(/^(E[A-Z]+|SILENCE)$/);
    }
    expect(await network.arrivals()).toEqual([]);
  });

  it('reaches nothing of the machine that it runs on', async () => {
    const platformPort = Number(
      new URL(network.run(`cat ${platform.dataDir}/server.json | grep -o 'http://[^"]*'`)).port,
    );
    const { addresses } = await probe('probe', []);
    const machine = ['192.168.77.2', 'fd00:77::2', OWN_PUBLIC_ADDRESS, '198.18.0.1', '198.18.0.2'];
    const attempts = [...machine, ...addresses].flatMap((tcp): Attempt[] =>
      [platformPort, PORTS.web, 22].map((port) => ({ tcp, port })),
    );
    for (const found of await results('probe', ...attempts)) expect(found).toBe('ECONNREFUSED');
  });

  it('reaches no port of the machine that leads on into a private network, as those of containers', async () => {
    // As Docker has it.
    network.run(`nft -f - <<'END'
      table ip published {
        chain prerouting {
          type nat hook prerouting priority dstnat;
          fib daddr type local tcp dport ${PORTS.database} dnat to 172.17.0.2
        }
      }
END`);
    onTestFinished(() => void network.run('nft delete table ip published'));
    await network.arrivals();
    const attempts = [OWN_PUBLIC_ADDRESS, PUBLIC[0] ?? ''].map((tcp): Attempt => ({
      tcp,
      port: PORTS.database,
      say: 'startup',
    }));
    expect(await results('probe', ...attempts)).toEqual(['ECONNREFUSED', 'got startup']);
    expect((await network.arrivals()).map(({ to }) => to)).toEqual([PUBLIC[0]]);
  });

  it('shares no abstract socket and no port with others', async () => {
    const { addresses: mine } = await probe('probe', []);
    expect(await results('probe', { listen: 8080 })).toEqual(['listening']);
    const listeners = network.run('ss -Htln; ss -Hxl');
    expect(listeners).not.toContain(':8080');
    const { addresses: others } = await probe('trusted', []);
    expect(others).not.toEqual(mine);
    const across = mine.map((tcp): Attempt => ({ tcp, port: 8080 }));
    expect(await results('trusted', ...across)).toEqual(across.map(() => 'ECONNREFUSED'));
    // Of any process in the machine's own network.
    const [enter = '', ...args] = network.enter;
    const listener = spawn(enter, [...args, process.execPath, '-e', LISTEN_ABSTRACT], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void listener.kill());
    await once(listener.stdout, 'data');
    expect(network.run('ss -Hxl')).toContain('@gitfn-test');
    expect(await results('trusted', { abstract: 'gitfn-test' })).toEqual(['ECONNREFUSED']);
  });

  it('reaches a private host that its fn.json names and the operator allows, at that port alone', async () => {
    await network.arrivals();
    const attempts: Attempt[] = [
      { tcp: DATABASE, port: PORTS.database, say: 'startup' },
      { tcp: DATABASE, port: PORTS.web },
      { tcp: '10.0.0.8', port: PORTS.database },
    ];
    expect(await results('trusted', ...attempts)).toEqual([
      'got startup',
      'ECONNREFUSED',
      'ECONNREFUSED',
    ]);
    expect(await results('probe', ...attempts)).toEqual(attempts.map(() => 'ECONNREFUSED'));
    expect((await network.arrivals()).length).toBe(1);
  });

  it('looks public names up and reaches their hosts, by TLS with the authorities of the machine', async () => {
    const web = 'web.example.com';
    const found = await results(
      'probe',
      { lookUp: web, family: 4 },
      { lookUp: web, family: 6 },
      { resolve: web, type: 'A' },
      { url: `http://${web}/` },
      { url: `https://${SECURE_HOST}/`, trust: '/etc/ssl/certs/ca-certificates.crt' },
      { lookUp: 'nobody.example.com' },
    );
    expect(found).toEqual([
      JSON.stringify([PUBLIC[0]]),
      JSON.stringify([PUBLIC[1]]),
      JSON.stringify([PUBLIC[0]]),
      `hello from ${web}`,
      `hello from ${SECURE_HOST}`,
      'ENOTFOUND',
    ]);
  });

  it('is told of no name that leads to what it may not reach, nor reaches what a name comes to mean', async () => {
    const names = Object.keys(HOSTILE_NAMES);
    await network.arrivals();
    const attempts = names.flatMap((name): Attempt[] => [
      { url: `http://${name}/` },
      { tcp: name, port: PORTS.database },
    ]);
    for (const found of await results('probe', ...attempts)) expect(found).toMatch(/^E[A-Z_]+$/);
    expect(await network.arrivals()).toEqual([]);
    const rebound: Attempt = { url: 'http://rebound.example.com/' };
    expect(await results('probe', rebound)).toEqual(['hello from rebound.example.com']);
    await network.arrivals();
    expect((await results('probe', rebound))[0]).toMatch(/^E[A-Z_]+$/);
    expect(await network.arrivals()).toEqual([]);
  });

  it('reaches a private host by the name that its fn.json has, at that port, and no other app does', async () => {
    await network.arrivals();
    const attempts: Attempt[] = [
      { tcp: 'db.internal', port: PORTS.database, say: 'startup' },
      { tcp: 'db.internal', port: PORTS.web },
      { tcp: 'other.internal', port: PORTS.database },
      { tcp: 'trap.internal', port: PORTS.database },
    ];
    const [reached, ...refused] = await results('trusted', ...attempts);
    expect(reached).toBe('got startup');
    for (const found of refused) expect(found).toMatch(/^E[A-Z_]+$/);
    for (const found of await results('probe', ...attempts)) expect(found).toMatch(/^E[A-Z_]+$/);
    const arrived = await network.arrivals();
    expect(arrived).toMatchObject([{ port: PORTS.database }]);
    expect(NAMES['db.internal']).toContain(arrived[0]?.to);
  });

  it('keeps looking names up after the process that answers has been killed', async () => {
    const [egress] = descendantsOf(platform.pid).filter(({ commandLine }) =>
      commandLine.includes('egress.mjs'),
    );
    const attempt: Attempt = { tcp: 'db.internal', port: PORTS.database, say: 'again' };
    // Who drains when is for the supervisor to say.
    sendSignal(egress, 'SIGTERM');
    expect(await results('trusted', attempt)).toEqual(['got again']);
    expect(survivors(egress === undefined ? [] : [egress])).toHaveLength(1);
    sendSignal(egress, 'SIGKILL');
    await eventually(async () => expect(await results('trusted', attempt)).toEqual(['got again']));
  });
});

/** Opens more connections at a time than a worker may, and tells how they went. */
const CROWD = `
const net = require('node:net');
const open = () => new Promise((resolve) =>
  net.connect(${PORTS.database}, '${PUBLIC[0]}', () => resolve('made')).on('error', ({ code }) => resolve(code)));
exports.handler = async () => {
  const found = await Promise.all(Array.from({ length: 900 }, open));
  return { made: found.filter((what) => what === 'made').length, others: [...new Set(found)].sort() };
};
`;

it('a function that opens too many connections reads so in its log, and no other does', async () => {
  const repository = await createRepository(platform, 'crowd');
  await repository.commit({ 'index.cjs': CROWD });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  const answer = await ask(platform, 'crowd');
  const { made, others } = JSON.parse(answer.body) as { made: number; others: string[] };
  expect(others).toEqual(['ECONNREFUSED', 'made']);
  expect(made).toBeLessThanOrEqual(512);
  await eventually(async () => {
    expect((await repository.fn('logs')).output).toContain('Connections are refused: a worker');
  }, 30_000);
  expect((await repository.fn('logs', '--app', 'probe')).output).not.toContain('are refused');
}, 60_000);

describe('the machine', () => {
  const PARTS = 'ip -br link; nft list tables';
  const reaches: Attempt = { tcp: PUBLIC[0] ?? '', port: PORTS.database, say: 'again' };

  it('is left with a table and nothing else by a server that is killed, and the next one takes it over', async () => {
    expect(network.run(PARTS)).toContain('gitfn');
    await platform.kill9();
    // The kernel takes namespaces apart in its own time.
    await eventually(() => expect(network.run('ip -br link')).not.toContain('gitfn'));
    expect(network.run(PARTS)).toMatch(/table inet gitfn_\d+/);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(platform.dataDir);
    await platform.restart();
    expect(network.run('nft list tables').match(/gitfn/g)?.length).toBe(1);
    expect(await results('probe', reaches)).toEqual(['got again']);
  });

  it('cannot open the filter by flushing its own tables', async () => {
    await network.arrivals();
    network.run('nft flush ruleset');
    const hidden: Attempt[] = [
      { tcp: '10.0.0.7', port: PORTS.web },
      { tcp: '169.254.169.254', port: PORTS.web },
    ];
    expect(await results('probe', ...hidden)).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    expect(await network.arrivals()).toEqual([]);
  });

  it('is left with nothing by a server that ends', async () => {
    await platform.stop();
    expect(network.run(PARTS)).not.toContain('gitfn');
  });
});
