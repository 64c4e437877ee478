/**
 * A machine for one platform, and an internet around it: two network namespaces, joined, of which nothing is left when
 * the test ends. The machine's is entered by the platform; in the other every address answers (see internet.ts).
 *
 *     test ── relay ── machine (192.168.77.2, fd00:77::2, 93.184.215.2) ── internet (everything else)
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Zone } from './dns-server.ts';

/** A connection, or a datagram, that reached the internet or a private network. */
export interface Arrival {
  protocol: 'tcp' | 'udp';
  to: string;
  port: number;
  from: string;
}

export interface InternetOptions {
  web: number;
  tls: number;
  database: number;
  key: string;
  certificate: string;
}

export type InternetOrder = { zone: Zone } | { arrivals: true };

export interface TestNetwork {
  /** Before a command that shall run on the machine. */
  readonly enter: readonly string[];
  /** A port of the test's own loopback that leads to one of the machine's. */
  relay(port: number): Promise<number>;
  /** What the name server says from now on. */
  setZone(zone: Zone): void;
  /** What has arrived since the last call. */
  arrivals(): Promise<Arrival[]>;
  /** Runs a shell command on the machine, and gives what it printed. */
  run(command: string): string;
  close(): Promise<void>;
}

export const OWN_PUBLIC_ADDRESS = '93.184.215.2';
export const PORTS = { web: 80, tls: 443, database: 5432 };
export const SECURE_HOST = 'secure.example.com';

const MACHINE = `
link set lo up
address add ${OWN_PUBLIC_ADDRESS}/32 dev lo
link add wan type veth peer name wan netns INTERNET
address add 192.168.77.2/24 dev wan
address add fd00:77::2/64 dev wan nodad
link set wan up
route add default via 192.168.77.1
route add default via fd00:77::1 dev wan onlink
`;
/** The local routes make every address one of the internet's own. */
const INTERNET = `
link set lo up
address add 192.168.77.1/24 dev wan
address add fd00:77::1/64 dev wan nodad
link set wan up
route add local 0.0.0.0/0 dev lo table main
route add local ::/0 dev lo table main
`;

/** Holds the machine's namespaces, and carries connections into them. */
const RELAY = `
const net = require('node:net');
net.createServer((near) => near.once('data', (head) => {
  const far = net.connect(head.readUInt16BE(0), '127.0.0.1');
  far.write(head.subarray(2)); near.pipe(far); far.pipe(near);
  near.on('error', () => far.destroy()); far.on('error', () => near.destroy());
})).listen(process.argv[1], () => process.send('ready'));
process.on('disconnect', () => process.exit());
`;

/** @throws when this is not root: then there are no networks to test. */
export async function openTestNetwork(): Promise<TestNetwork> {
  const folder = mkdtempSync(join(tmpdir(), 'gitfn-network-'));
  chmodSync(folder, 0o755);
  const socket = join(folder, 'relay.sock');
  const secrets = makeCertificate(folder);
  const machine = await start(['--mount', '--propagation', 'private'], ['-e', RELAY, socket]);
  const internet = await start([], [join(import.meta.dirname, 'internet.ts')]);
  configure(machine, MACHINE.replace('INTERNET', String(internet.pid)));
  configure(internet, INTERNET);
  internet.send({ start: { ...PORTS, ...secrets } });
  await once(internet, 'message');
  const enter = [
    'nsenter',
    `--net=/proc/${machine.pid}/ns/net`,
    `--mount=/proc/${machine.pid}/ns/mnt`,
    '--',
  ];
  const relays: Server[] = [];
  const run = (command: string): string => execute([...enter, 'sh', '-c', command]);
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 192.168.77.1\n');
  run(`mount --bind ${folder}/resolv.conf /etc/resolv.conf`);
  run(`mount --bind ${folder}/certificate.pem /etc/ssl/certs/ca-certificates.crt`);
  return {
    enter,
    run,
    relay: async (port) => {
      const server = createServer((near) => {
        const head = Buffer.alloc(2);
        head.writeUInt16BE(port);
        const far = connect(socket);
        far.write(head);
        near.pipe(far).pipe(near);
        near.on('error', () => far.destroy());
        far.on('error', () => near.destroy());
      });
      relays.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    },
    setZone: (zone) => void internet.send({ zone } satisfies InternetOrder),
    arrivals: async () => {
      internet.send({ arrivals: true } satisfies InternetOrder);
      const [message] = (await once(internet, 'message')) as [{ arrivals: Arrival[] }];
      return message.arrivals;
    },
    close: async () => {
      for (const server of relays) server.close();
      for (const child of [machine, internet]) {
        child.disconnect();
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true });
    },
  };
}

function makeCertificate(folder: string): { key: string; certificate: string } {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const words =
    `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ` +
    `-subj /CN=${SECURE_HOST} -addext subjectAltName=DNS:${SECURE_HOST} -keyout ${key} -out ${certificate}`;
  execute(words.split(' '));
  return { key: readFileSync(key, 'utf8'), certificate: readFileSync(certificate, 'utf8') };
}

/** A Node program in a network namespace of its own, which ends with this process; resolves at its first word. */
async function start(namespaces: string[], args: string[]): Promise<ChildProcess> {
  const child = spawn('unshare', ['--net', ...namespaces, '--', process.execPath, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  await once(child, 'message');
  return child;
}

function configure({ pid }: ChildProcess, batch: string): void {
  execute(['nsenter', `--net=/proc/${pid}/ns/net`, 'ip', '-batch', '-'], batch);
}

function execute([file = '', ...args]: string[], input = ''): string {
  // npm puts the programs of packages before the system's.
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  return execFileSync(file, args, { input, env, encoding: 'utf8', stdio: 'pipe' });
}
