/**
 * The connections of the public port: how many one peer may have, whether they move, how much they hold, and whose
 * turn it is on each.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { plainAddress } from '../std/address-list.ts';
import type { Clock } from '../std/clock.ts';
import { beyondBounds, HELD_BOUNDS, type HeldBounds, type Holder } from './held-answers.ts';
import { Turns, type Question } from './turns.ts';

export interface ConnectionLimits {
  /** Of all addresses, those that are not encrypted yet among them. */
  maxInAll: number;
  /** Of one address. Generous: whole offices share one. */
  maxPerPeer: number;
  /**
   * How long what was written may wait while less than `minTakenBytes` of it is taken: who reads by the byte would hold
   * an answer for days.
   */
  stallMs: number;
  minTakenBytes: number;
  /** Of what all of them hold. */
  held: HeldBounds;
  /** What may come above that before it is seen; a look at 20,000 connections takes 2 ms. */
  lookEveryMs: number;
}

const LIMITS: ConnectionLimits = {
  maxInAll: 20_000,
  maxPerPeer: 1_000,
  stallMs: 60_000,
  minTakenBytes: 16 * 1024,
  held: HELD_BOUNDS,
  lookEveryMs: 500,
};

/** Of one of several data processes that share the port. */
export function shareOfConnections(processes: number): ConnectionLimits {
  const { perOwnerBytes, inAllBytes } = LIMITS.held;
  return {
    ...LIMITS,
    maxInAll: Math.floor(LIMITS.maxInAll / processes),
    maxPerPeer: Math.floor(LIMITS.maxPerPeer / processes),
    held: { perOwnerBytes: perOwnerBytes / processes, inAllBytes: inAllBytes / processes },
  };
}

export interface ConnectionsOptions {
  /** Peers that stand for many, such as a proxy. */
  isExempt(address: string): boolean;
  /** Connections that were counted by `admit` when they were not encrypted yet. */
  isAdmitted(socket: Socket): boolean;
  /** Whose answers the connection has: an app's name, or what else may have a share. Only asked when it holds some. */
  ownerOf(socket: Socket, response: ServerResponse | null): string;
  /** What else holds answers that are not taken, and counts towards the same bounds. */
  otherHolders(): ClosableHolder[];
  /** So many connections were closed, as their clients did not take what the owner had answered. */
  closedUntaken(owner: string, connections: number): void;
  /** Called for each request when it is its turn. */
  begin: (question: Question) => void;
  limits: ConnectionLimits;
}

export interface Connections {
  /** Counts a connection until it closes, once; false when it was closed, because there are too many. */
  admit(socket: Socket): boolean;
  came(question: Question): void;
  /** Undefined for a connection that was refused. */
  turnsOf(socket: Duplex): Turns | undefined;
  /** From now on the last answer of each connection says that it closes. */
  drain(): void;
  close(): void;
}

interface Connection {
  socket: Socket;
  turns: Turns;
  /** Bytes that the peer had taken when it last had taken enough; -1 while nothing waits. */
  taken: number;
  takenAtMs: number;
}

/** One that can be made to hold no more. */
export interface ClosableHolder extends Holder {
  giveUp(): void;
}

export function createConnections(
  server: Server,
  clock: Clock,
  options: ConnectionsOptions,
): Connections {
  const { limits } = options;
  const connections = new Map<Duplex, Connection>();
  const countByPeer = new Map<string, number>();
  let countInAll = 0;
  let isDraining = false;
  let cancel: (() => void) | null = null;

  function admit(socket: Socket): boolean {
    if (options.isAdmitted(socket)) return true;
    const peer = plainAddress(socket.remoteAddress ?? '');
    const count = (countByPeer.get(peer) ?? 0) + 1;
    const isTooMany = count > limits.maxPerPeer && !options.isExempt(peer);
    if (isTooMany || countInAll >= limits.maxInAll) {
      socket.destroy();
      return false;
    }
    countInAll += 1;
    countByPeer.set(peer, count);
    socket.on('close', () => discount(peer));
    cancel ??= clock.after(limits.lookEveryMs, look);
    return true;
  }

  function discount(peer: string): void {
    countInAll -= 1;
    const left = (countByPeer.get(peer) ?? 1) - 1;
    if (left === 0) countByPeer.delete(peer);
    else countByPeer.set(peer, left);
  }

  function watch(socket: Socket): void {
    connections.set(socket, {
      socket,
      turns: new Turns(socket, options.begin),
      taken: 0,
      takenAtMs: clock.monotonicMs(),
    });
    socket.on('close', () => connections.delete(socket));
  }

  function look(): void {
    const now = clock.monotonicMs();
    const holders = options.otherHolders();
    for (const connection of connections.values()) {
      const { socket, turns } = connection;
      if (isStalled(connection, now)) giveUp(socket);
      const bytes = heldBy(connection);
      if (bytes === 0 || socket.destroyed) continue;
      holders.push({
        owner: options.ownerOf(socket, turns.response),
        bytes,
        takenAtMs: connection.takenAtMs,
        giveUp: () => giveUp(socket),
      });
    }
    closeUntaken(beyondBounds(holders, limits.held));
    cancel = countByPeer.size > 0 ? clock.after(limits.lookEveryMs, look) : null;
  }

  function closeUntaken(untaken: ClosableHolder[]): void {
    for (const holder of untaken) holder.giveUp();
    for (const [owner, { length }] of Map.groupBy(untaken, (holder) => holder.owner)) {
      options.closedUntaken(owner, length);
    }
  }

  function isStalled(connection: Connection, nowMs: number): boolean {
    const { socket } = connection;
    // Most hold nothing, and need not be asked what they ever wrote.
    const taken = socket.writableLength === 0 ? -1 : socket.bytesWritten - socket.writableLength;
    if (taken === -1 || taken - connection.taken >= limits.minTakenBytes) {
      connection.taken = taken;
      connection.takenAtMs = nowMs;
    }
    return nowMs - connection.takenAtMs >= limits.stallMs;
  }

  server.on('connection', (socket: Socket) => {
    if (admit(socket)) watch(socket);
  });

  return {
    admit,
    came: (question) => {
      if (isDraining) question.response.shouldKeepAlive = false;
      connections.get(question.request.socket)?.turns.came(question);
    },
    turnsOf: (socket) => connections.get(socket)?.turns,
    drain: () => {
      isDraining = true;
      for (const { turns } of connections.values()) turns.drain();
    },
    close: () => cancel?.(),
  };
}

/** By a reset: an ordinary end waits, and the kernel with all that it was given, until the client has taken the rest. */
function giveUp(socket: Socket): void {
  // A private field: the connection that carries an encrypted one, which alone can be reset.
  const { _parent: carrier } = socket as { _parent?: Socket | null };
  (carrier ?? socket).resetAndDestroy();
}

/** A response may have bytes that its socket has not been given. */
function heldBy({ socket, turns }: Connection): number {
  return Math.max(socket.writableLength, turns.response?.writableLength ?? 0);
}
