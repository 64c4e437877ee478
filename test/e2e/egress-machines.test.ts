import { resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { type Attempt, PROBE_SOURCE } from '../support/probe-function.ts';
import { createRepository } from '../support/repository.ts';
import { openTestNetwork, PORTS, type TestNetwork } from '../support/test-network.ts';

const FN = resolve(import.meta.dirname, '../../bin/fn');
const DEADLINE_MS = 180_000;
const PUBLIC = { v4: '93.184.216.34', v6: '2606:2800:220:1::34' };
const REACHES: Attempt = { tcp: PUBLIC.v4, port: PORTS.database, say: 'again' };

async function openMachine(): Promise<TestNetwork> {
  const network = await openTestNetwork();
  onTestFinished(() => network.close());
  network.setZone({ 'web.example.com': [PUBLIC.v4, PUBLIC.v6] });
  return network;
}

/** A server with an app that connects wherever it is told to. */
async function start(network: TestNetwork): Promise<Platform> {
  const platform = await startPlatform({ network, env: { HOST: '0.0.0.0' } });
  onTestFinished(() => platform[Symbol.asyncDispose]());
  const repository = await createRepository(platform, 'probe');
  await repository.commit({ 'index.js': PROBE_SOURCE });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
  return platform;
}

async function probe(
  platform: Platform,
  ...attempts: Attempt[]
): Promise<{ addresses: string[]; results: string[] }> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(attempts);
  const answer = await ask(platform, 'probe', { method: 'POST', headers, body });
  expect(answer.status, answer.body).toBe(200);
  return JSON.parse(answer.body) as { addresses: string[]; results: string[] };
}

it(
  'two servers on one machine have networks of their own, and one may end without the other',
  async () => {
    const network = await openMachine();
    const [one, two] = [await start(network), await start(network)];
    const { addresses } = await probe(one, { listen: 8080 });
    expect((await probe(one, REACHES)).results).toEqual(['got again']);
    const across = addresses.map((tcp): Attempt => ({ tcp, port: 8080 }));
    const found = await probe(two, REACHES, { lookUp: 'web.example.com', family: 4 }, ...across);
    expect(found.results).toEqual([
      'got again',
      JSON.stringify([PUBLIC.v4]),
      ...across.map(() => 'ECONNREFUSED'),
    ]);
    expect(found.addresses).not.toEqual(addresses);
    expect(network.run('nft list tables').match(/inet gitfn_/g)).toHaveLength(2);
    await one.stop();
    expect(network.run('nft list tables').match(/inet gitfn_/g)).toHaveLength(1);
    expect((await probe(two, REACHES)).results).toEqual(['got again']);
  },
  DEADLINE_MS,
);

it(
  'a machine without IPv6 gives functions IPv4 alone',
  async () => {
    const network = await openMachine();
    network.run(
      'for name in all default; do echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done',
    );
    const platform = await start(network);
    const { addresses, results } = await probe(
      platform,
      REACHES,
      { tcp: PUBLIC.v6, port: PORTS.database },
      { url: 'http://web.example.com/' },
      { tcp: '10.0.0.7', port: PORTS.database },
    );
    expect(addresses.filter((address) => address.includes(':'))).toEqual([]);
    expect(results).toEqual([
      'got again',
      expect.stringMatching(/^E(?:NETUNREACH|ADDRNOTAVAIL|AFNOSUPPORT)$/),
      'hello from web.example.com',
      'ECONNREFUSED',
    ]);
  },
  DEADLINE_MS,
);

it(
  'a firewall that drops by default is named, and lets functions out by the rules that are given',
  async () => {
    const network = await openMachine();
    network.run(`nft -f - <<'END'
      table inet firewall {
        chain forward { type filter hook forward priority 0; policy drop; }
        chain input {
          type filter hook input priority 0; policy accept;
          iifname "gitfn*" drop
        }
      }
END`);
    const platform = await start(network);
    expect((await probe(platform, REACHES)).results).toEqual(['TIMEOUT']);
    const readiness = JSON.parse((await ask(platform, '', { path: '/readyz' })).body) as object;
    expect(readiness).toMatchObject({ protections: { 'network-per-sandbox': 'degraded' } });
    const doctor = network.run(`FN_DATA_DIR=${platform.dataDir} ${FN} doctor 2>&1 || :`);
    expect(doctor).toContain('(inet firewall forward)');
    const commands = doctor.match(/nft '[^']+'/g) ?? [];
    expect(commands).toHaveLength(2);
    for (const command of commands) network.run(command);
    await eventually(async () =>
      expect((await probe(platform, REACHES)).results).toEqual(['got again']),
    );
    // Of what comes in, the names: they are asked of the machine.
    network.run(`nft 'insert rule inet firewall input iifname "gitfn*" accept'`);
    const web: Attempt = { url: 'http://web.example.com/' };
    expect((await probe(platform, web)).results).toEqual(['hello from web.example.com']);
  },
  DEADLINE_MS,
);
