/** Debian's Pebble (package `pebble`, with pebble-challtestsrv): a certificate authority and DNS of its own, on free ports. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';

export interface PebbleOptions {
  /** Of a hundred nonces. */
  nonceRejectPercent?: number;
  /** Of a hundred valid authorizations, how many are used again. */
  authzReusePercent?: number;
  alternateRoots?: number;
  validitySeconds?: number;
  /** Accounts that were made elsewhere; none else is taken then. */
  externalAccounts?: Record<string, string>;
  /** Where it looks for answers. */
  httpPort?: number;
  tlsPort?: number;
  /** Of the name server that it asks in place of pebble-challtestsrv. */
  nameServerPort?: number;
}

export interface Pebble {
  directory: string;
  /** PEM that its own HTTPS is signed by. */
  roots: string;
  /** Of the same certificate. */
  keyFile: string;
  httpPort: number;
  tlsPort: number;
  dnsPort: number;
  /** Of pebble-challtestsrv: sets names and records. */
  dns(path: string, body: object): Promise<void>;
  /** PEM of the root that certificates are signed by. */
  issuerRoot(index?: number): Promise<string>;
  /** Lines of its log that match. */
  logged(pattern: RegExp): string[];
  close(): Promise<void>;
}

export async function startPebble(options: PebbleOptions = {}): Promise<Pebble> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-pebble-'));
  const ports = await Promise.all(Array.from({ length: 4 }, freePort));
  const [apiPort = 0, managementPort = 0, dnsPort = 0, dnsManagementPort = 0] = ports;
  const httpPort = options.httpPort ?? (await freePort());
  const tlsPort = options.tlsPort ?? (await freePort());
  makeCertificate(folder);
  const external = options.externalAccounts;
  await writeFile(
    join(folder, 'pebble.json'),
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${apiPort}`,
        managementListenAddress: `127.0.0.1:${managementPort}`,
        certificate: join(folder, 'api.pem'),
        privateKey: join(folder, 'api.key'),
        httpPort,
        tlsPort,
        ocspResponderURL: '',
        externalAccountBindingRequired: external !== undefined,
        ...(external !== undefined && { externalAccountMACKeys: external }),
        ...(options.validitySeconds !== undefined && {
          certificateValidityPeriod: options.validitySeconds,
        }),
      },
    }),
  );
  const dnsServer = start('pebble-challtestsrv', [
    `-management=127.0.0.1:${dnsManagementPort}`,
    `-dns01=127.0.0.1:${dnsPort}`,
    '-defaultIPv6=',
    '-defaultIPv4=127.0.0.1',
    '-http01=',
    '-https01=',
    '-tlsalpn01=',
  ]);
  const server = start(
    'pebble',
    [
      '-config',
      join(folder, 'pebble.json'),
      '-dnsserver',
      `127.0.0.1:${options.nameServerPort ?? dnsPort}`,
    ],
    {
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: String(options.nonceRejectPercent ?? 0),
      PEBBLE_AUTHZREUSE: String(options.authzReusePercent ?? 0),
      PEBBLE_ALTERNATE_ROOTS: String(options.alternateRoots ?? 0),
    },
  );
  const lines: string[] = [];
  server.stdout?.setEncoding('utf8').on('data', (text: string) => lines.push(...text.split('\n')));
  const roots = await readFile(join(folder, 'api.pem'), 'utf8');
  const directory = `https://127.0.0.1:${apiPort}/dir`;
  await eventually(() => get(directory, roots));
  await eventually(() =>
    fetch(`http://127.0.0.1:${dnsManagementPort}/clear-txt`, { method: 'POST', body: '{}' }),
  );
  return {
    directory,
    roots,
    keyFile: join(folder, 'api.key'),
    httpPort,
    tlsPort,
    dnsPort,
    dns: async (path, body) => {
      const url = `http://127.0.0.1:${dnsManagementPort}${path}`;
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    },
    issuerRoot: (index = 0) => get(`https://127.0.0.1:${managementPort}/roots/${index}`, roots),
    logged: (pattern) => lines.filter((line) => pattern.test(line)),
    close: async () => {
      await Promise.all([stop(server), stop(dnsServer)]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function makeCertificate(folder: string): void {
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
  const files = `-keyout ${folder}/api.key -out ${folder}/api.pem`;
  const command = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=pebble -addext ${names} ${files}`;
  execFileSync('openssl', command.split(' '), { stdio: 'ignore' });
}

function start(program: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(program, args, {
    env: { PATH: '/usr/bin:/bin', ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  }).on('error', (error) => {
    throw new Error(`${program} cannot be started: apt-get install pebble`, { cause: error });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function get(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { ca }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve(text));
    })
      .on('error', reject)
      .end();
  });
}
