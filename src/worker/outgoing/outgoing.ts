/**
 * Connections of a function whose sandbox has no network. What Node connects (node:net, tls, http, fetch, drivers of
 * databases) still has a socket of the system: it leads to this process's own loopback, from where its bytes go
 * through the channel: see replace-connect.ts. Its other threads ask this one (thread-outgoing.ts), the processes that
 * it starts find a proxy (proxy.ts).
 */
import { syncBuiltinESMExports } from 'node:module';
import type net from 'node:net';
import { tellChildrenOfProxy } from '../child-environment.ts';
import { createEgressClient, type EgressClient } from './egress-client.ts';
import { createEntrance } from '../entrance.ts';
import { startNameServer } from './name-server.ts';
import { createProxy } from './proxy.ts';
import { replaceConnect } from './replace-connect.ts';
import { replaceLookUps } from './replace-look-ups.ts';
import { letThreadsOut } from './thread-outgoing.ts';
import type { WayOut } from './way-out.ts';

interface OutgoingHost {
  /** The way out is gone for good. */
  closed(): void;
  /** For the log of the app. */
  warn(text: string): void;
  /** The file of this program, which threads load first. */
  program: string;
}

/** Until the process ends. */
export function sendConnectionsThrough(channel: net.Socket, host: OutgoingHost): void {
  const way = wayThrough(createEgressClient(channel, host));
  replaceConnect(way);
  replaceLookUps(way);
  tellChildrenOfProxy(() => way.port());
  letThreadsOut(way, host.program);
  syncBuiltinESMExports();
}

function wayThrough(client: EgressClient): WayOut {
  const entrance = createEntrance(createProxy(client));
  const nameServer = startNameServer(client);
  return {
    port: entrance.port,
    forget: (inside) => entrance.forget(inside),
    lookUp: (host) => client.lookUp(host),
    nameServer: () => nameServer,
    async reach(target) {
      const { relay, address } = await client.connect(target);
      return { inside: entrance.admit(relay), address };
    },
  };
}
