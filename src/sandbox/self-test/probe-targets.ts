import { once } from 'node:events';
import { createServer, type AddressInfo, type ListenOptions, type Server } from 'node:net';
import { randomName } from '../../std/ids.ts';
import type { ProbeTarget } from './probes.ts';

export interface ProbeTargets extends AsyncDisposable {
  targets: ProbeTarget[];
  /** What /proc/net of this network namespace shows of them. */
  marks: string[];
}

const LOOPBACK = ['127.0.0.1', '::1'];
/** A machine may have hundreds of addresses; one rule keeps sandboxes away from them all. */
const MAX_OWN_ADDRESSES = 8;

/**
 * Listeners of this machine that no sandbox may reach, for as long as a test lasts: loopback of both families, these of
 * its own addresses, and an abstract unix socket, which no file system keeps away. What connects is closed at once.
 */
export async function openProbeTargets(ownAddresses: readonly string[]): Promise<ProbeTargets> {
  const servers: Server[] = [];
  const targets: ProbeTarget[] = [];
  const marks: string[] = [];
  for (const host of [...LOOPBACK, ...ownAddresses.slice(0, MAX_OWN_ADDRESSES)]) {
    const server = await listen({ host, port: 0 });
    if (server === null) continue; // A machine without IPv6, or an address that has just gone.
    servers.push(server);
    const { port } = server.address() as AddressInfo;
    targets.push({ host, port });
    marks.push(`:${port.toString(16).toUpperCase().padStart(4, '0')} `);
  }
  const name = `gitfn-self-test-${randomName(12)}`;
  const abstract = await listen({ path: `\0${name}` });
  if (abstract !== null) {
    servers.push(abstract);
    targets.push({ path: `\0${name}` });
    marks.push(name);
  }
  return {
    targets,
    marks,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(
        servers.map((server) => new Promise((resolve) => void server.close(resolve))),
      );
    },
  };
}

async function listen(options: ListenOptions): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen(options);
    await once(server, 'listening');
    return server;
  } catch {
    return null;
  }
}
