/**
 * The fast path: requests to functions that come in one piece, which are most, are read and answered without Node's HTTP
 * server, which would cost more than all the rest of their way (docs/decisions/0025). It never decides what is wrong with
 * a request: what is not plain goes to Node's server unread. Read plain-request.ts, then plain-connection.ts.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { assert } from '../../std/assert.ts';
import type { Clock } from '../../std/clock.ts';
import { PlainConnection, type ConnectionHost } from './plain-connection.ts';

/** How often idle connections are looked at. */
const LOOK_MS = 1_000;

export type { PlainClient } from './plain-client.ts';
export type { PlainHeaders } from './plain-request.ts';

export interface FastPathOptions extends Pick<
  ConnectionHost,
  'accept' | 'clientTextOf' | 'replyHead' | 'keepAliveMs' | 'maxRequests'
> {
  /** How long a new connection may be silent. */
  firstRequestMs: number;
}

export interface FastPath {
  /** From now on connections close when their current answer is out, those without one at once. */
  drain(): void;
  /** Which host a connection asked for last; null when it is not on the fast path. */
  hostOf(socket: Socket): string | null;
  /** Closes all, whatever they are at. */
  destroy(): void;
}

/** Puts itself in front of the server's own reader of connections. */
export function createFastPath(server: Server, clock: Clock, options: FastPathOptions): FastPath {
  const [readByNode, ...others] = server.listeners('connection');
  assert(readByNode !== undefined && others.length === 0, 'the server reads its connections');
  server.removeAllListeners('connection');
  const connections = new Map<Socket, PlainConnection>();
  const maxIdleLooks = Math.ceil(options.keepAliveMs / LOOK_MS);
  const maxSilentLooks = Math.ceil(options.firstRequestMs / LOOK_MS);
  let isDraining = false;
  let cancel: (() => void) | null = null;

  const host: ConnectionHost = {
    ...options,
    get isDraining() {
      return isDraining;
    },
    handOver: (connection, bytes) => {
      const { socket } = connection;
      forget(connection);
      readByNode.call(server, socket);
      socket.emit('data', bytes);
    },
    closed: (connection) => forget(connection),
  };

  function forget(connection: PlainConnection): void {
    connections.delete(connection.socket);
  }

  function look(): void {
    for (const connection of connections.values()) {
      // What is written and not taken yet is still an answer; connections.ts ends those that stand still.
      if (!connection.isIdle || connection.socket.writableLength > 0) continue;
      const max = connection.hadRequest ? maxIdleLooks : maxSilentLooks;
      if (connection.countIdleLook() > max) connection.socket.destroy();
    }
    cancel = connections.size > 0 ? clock.after(LOOK_MS, look) : null;
  }

  server.on('connection', (socket: Socket) => {
    if (socket.destroyed) return;
    connections.set(socket, new PlainConnection(socket, host));
    cancel ??= clock.after(LOOK_MS, look);
  });

  return {
    drain: () => {
      isDraining = true;
      for (const connection of connections.values()) {
        if (connection.isIdle) connection.socket.destroySoon();
        else connection.makeLast();
      }
    },
    hostOf: (socket) => connections.get(socket)?.lastHost ?? null,
    destroy: () => {
      cancel?.();
      for (const socket of connections.keys()) socket.destroy();
    },
  };
}
