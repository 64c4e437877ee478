/** Knot DNS (the Debian package): an authoritative name server with zones that a key may change, on a free port. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDnsLookup, type DnsLookup } from '../../src/std/dns-lookup.ts';
import { provideProgram } from './debian-packages.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

const PROGRAM = '/usr/sbin/knotd';

export interface Knot {
  port: number;
  /** Asks this server alone. */
  lookup: DnsLookup;
  close(): Promise<void>;
}

export interface KnotOptions {
  /** Domain → the lines of its zone after SOA and NS, with names relative to it. */
  zones: Record<string, string>;
  /** May change TXT records of all zones. */
  key?: { name: string; algorithm: string; secret: Buffer };
  /** Of the loopback. */
  address?: string;
  /** What the zones say that theirs is; 127.0.0.1 without it. */
  saidAddress?: string;
  port?: number;
}

export async function startKnot(options: KnotOptions): Promise<Knot> {
  provideProgram(PROGRAM, 'knot');
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-knot-'));
  const { address = '127.0.0.1', port = await freePort(), saidAddress = '127.0.0.1' } = options;
  const where = `${address}@${port}`;
  await writeFile(join(folder, 'knot.conf'), configuration(folder, where, options));
  for (const [domain, lines] of Object.entries(options.zones)) {
    const head = `$ORIGIN ${domain}.\n$TTL 60\n@ SOA ns admin 1 3600 600 86400 60\n@ NS ns\nns A ${saidAddress}\n`;
    await writeFile(join(folder, `${domain}.zone`), `${head}${lines}\n`);
  }
  const child = spawn(PROGRAM, ['-c', join(folder, 'knot.conf')], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const lookup = createDnsLookup({ servers: [`${address}:${port}`], deadlineMs: 1_000 });
  const [domain = ''] = Object.keys(options.zones);
  await eventually(async () => (await lookup.nameServers(domain)).kind === 'found');
  return {
    port,
    lookup,
    async close() {
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, where: string, { zones, key }: KnotOptions): string {
  const keys =
    key === undefined
      ? ''
      : `key:
  - id: ${key.name}
    algorithm: ${key.algorithm}
    secret: ${key.secret.toString('base64')}
acl:
  - id: by-key
    key: ${key.name}
    action: [update, query]
    update-type: [TXT]
`;
  const acl = key === undefined ? '' : '    acl: [by-key]\n';
  const domains = Object.keys(zones).map((domain) => {
    return `  - domain: ${domain}\n    file: ${domain}.zone\n${acl}`;
  });
  return `server:
    rundir: ${folder}
    listen: ${where}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: ${folder}
${keys}template:
  - id: default
    storage: ${folder}
    semantic-checks: off
zone:
${domains.join('')}`;
}
