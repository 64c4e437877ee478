/** All connections of HTTP/2, and one timer that looks at what each does. */
import { constants } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { plainAddress } from '../../std/address-list.ts';
import type { Clock } from '../../std/clock.ts';
import type { Holder } from '../held-answers.ts';
import { H2Session, type SessionHost, type StreamAsked } from './h2-session.ts';
import type { H2Limits } from './limits.ts';
import type { StreamClient } from './stream-client.ts';

const LOOK_MS = 500;

export interface H2Options {
  limits: H2Limits;
  /** Peers that stand for many, such as a proxy. */
  isExempt(address: string): boolean;
  ownerOf(host: string): string;
  clientTextOf: SessionHost['clientTextOf'];
  answer(client: StreamClient, asked: StreamAsked): void;
}

/** A stream with something that waits in this process. */
export interface StreamHolder extends Holder {
  giveUp(): void;
}

export interface H2Sessions {
  /** A connection that has agreed on HTTP/2. */
  accept(socket: TLSSocket): void;
  holders(): StreamHolder[];
  /** No new streams; resolves when those that are open have ended. */
  drain(): Promise<void>;
  /** Closes all, whatever they are at. */
  destroy(): void;
}

export function createH2Sessions(clock: Clock, options: H2Options): H2Sessions {
  const { limits } = options;
  const sessions = new Set<H2Session>();
  const streamsByPeer = new Map<string, number>();
  const drained = Promise.withResolvers<void>();
  let streams = 0;
  let isDraining = false;
  let cancel: (() => void) | null = null;

  const host: SessionHost = {
    limits,
    nowMs: () => clock.monotonicMs(),
    mayOpen: ({ peer }) => {
      const count = (streamsByPeer.get(peer) ?? 0) + 1;
      const isOne = count > limits.maxStreamsPerPeer && !options.isExempt(peer);
      if (isOne || streams >= limits.maxStreams) return false;
      streamsByPeer.set(peer, count);
      streams += 1;
      return true;
    },
    closedStream: ({ peer }) => {
      const left = (streamsByPeer.get(peer) ?? 1) - 1;
      if (left === 0) streamsByPeer.delete(peer);
      else streamsByPeer.set(peer, left);
      streams -= 1;
    },
    clientTextOf: options.clientTextOf,
    begin: (client, asked) => options.answer(client, asked),
    closed: (session) => {
      sessions.delete(session);
      if (isDraining && sessions.size === 0) drained.resolve();
    },
  };

  function look(): void {
    const nowMs = clock.monotonicMs();
    for (const session of sessions) {
      if (session.isFlood(nowMs)) session.giveUp();
      else if (session.idleMs(nowMs) > maxIdleMs(session)) session.drain();
      else for (const client of session.clients) endStalled(client, nowMs);
    }
    cancel = sessions.size > 0 ? clock.after(LOOK_MS, look) : null;
  }

  function maxIdleMs({ hadRequest }: H2Session): number {
    if (!hadRequest) return limits.firstRequestMs;
    return sessions.size > limits.manySessions ? limits.idleMsOfMany : limits.idleMs;
  }

  function endStalled(client: StreamClient, nowMs: number): void {
    const { takenBytes } = client;
    if (takenBytes === -1 || takenBytes - client.taken >= limits.minTakenBytes) {
      client.taken = takenBytes;
      client.takenAtMs = nowMs;
    }
    if (nowMs - client.takenAtMs >= limits.stallMs) client.close(constants.NGHTTP2_CANCEL);
  }

  return {
    accept: (socket) => {
      const session = new H2Session(socket, plainAddress(socket.remoteAddress ?? ''), host);
      sessions.add(session);
      if (isDraining) session.drain();
      cancel ??= clock.after(LOOK_MS, look);
    },
    holders: () =>
      [...sessions].flatMap(({ clients }) =>
        [...clients].flatMap((client) => {
          const bytes = client.heldBytes;
          if (bytes === 0) return [];
          const owner = options.ownerOf(client.host);
          const giveUp = (): void => client.close(constants.NGHTTP2_CANCEL);
          return [{ owner, bytes, takenAtMs: client.takenAtMs, giveUp }];
        }),
      ),
    drain: () => {
      isDraining = true;
      for (const session of sessions) session.drain();
      if (sessions.size === 0) drained.resolve();
      return drained.promise;
    },
    destroy: () => {
      cancel?.();
      cancel = null;
      for (const session of sessions) session.destroy();
    },
  };
}
