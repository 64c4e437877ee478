/**
 * What the functions of one app, in all its sandboxes, take of this process together: one app at its share leaves
 * connections, memory and answers to the others. Each sandbox has a smaller share within its app's.
 */
import { type ByteBound, createByteBound } from './byte-bound.ts';
import { createQuestionLimits, type QuestionLimits, type QuestionRate } from './question-limits.ts';
import { shareOf, type Upstream } from './upstream.ts';

const MIB = 1024 * 1024;

/** Of one app. It has at most 64 workers (src/pool/app-load.ts), which seldom want as much at the same time. */
export const APP_SHARE = {
  /** Through channels, made or on their way: each is a descriptor here. */
  connections: 1_024,
  /** Of those connections, in each direction, that their other ends have not taken. */
  heldBytes: 32 * MIB,
  /** Names and connections that are asked for. */
  questions: { perSecond: 500, atOnce: 2_000, atATime: 256 },
  /** Of these, at the machine's name servers: each is a socket here. */
  upstreamAtATime: 64,
  /** On which names are asked by TCP. */
  dnsConnections: 32,
} as const;
/** Of all apps: each is a descriptor of this process, and two buffers of the kernel. */
export const CONNECTIONS_IN_ALL = 8_192;
/** A program that asks for more has a loop, or a tunnel. */
const SANDBOX_SHARE = {
  heldBytes: 8 * MIB,
  questions: { perSecond: 50, atOnce: 200, atATime: 64 },
  upstreamAtATime: 8,
} as const;
/** The log of an app that stays at its share says so as often. */
const TELL_AGAIN_MS = 60_000;

export interface Count {
  /** False when there are as many as may be; each true is given back. */
  take(): boolean;
  give(): void;
}

interface Connections {
  /** Null when it may be made, to be given back; else why not. */
  take(): string | null;
  give(): void;
}

export interface AppShare {
  readonly connections: Connections;
  readonly dnsConnections: Count;
  /** From its sandboxes, and to them. */
  readonly received: ByteBound;
  readonly sent: ByteBound;
  readonly questions: QuestionLimits;
  readonly upstream: Upstream;
  /** Whether its log shall say now that it is at its share. */
  shallTell(): boolean;
}

/** Of one sandbox; its questions count as its app's, too. */
export interface SandboxShare extends QuestionLimits {
  readonly app: AppShare;
  readonly received: ByteBound;
  readonly sent: ByteBound;
  readonly upstream: Upstream;
}

export interface AppShares {
  /** For one more sandbox of an app, until `leave`. */
  join(app: string): SandboxShare;
  leave(app: string): void;
}

export interface ShareBounds {
  connections: number;
  heldBytes: number;
  questions: QuestionRate;
  upstreamAtATime: number;
  dnsConnections: number;
}

interface AppSharesDeps {
  upstream: Upstream;
  nowMs: () => number;
}

export function createAppShares(
  deps: AppSharesDeps,
  bounds: ShareBounds = APP_SHARE,
  connectionsInAll = CONNECTIONS_IN_ALL,
): AppShares {
  const inAll = createCount(connectionsInAll);
  const apps = new Map<string, { share: AppShare; sandboxes: number }>();
  return {
    join(app) {
      const known = apps.get(app) ?? { share: createAppShare(deps, bounds, inAll), sandboxes: 0 };
      known.sandboxes += 1;
      apps.set(app, known);
      return createSandboxShare(known.share, deps.nowMs);
    },
    leave(app) {
      const known = apps.get(app);
      if (known === undefined) return;
      known.sandboxes -= 1;
      if (known.sandboxes === 0) apps.delete(app);
    },
  };
}

function createAppShare(
  { upstream, nowMs }: AppSharesDeps,
  bounds: ShareBounds,
  inAll: Count,
): AppShare {
  let toldAtMs = -Infinity;
  return {
    connections: createConnections(bounds.connections, inAll),
    dnsConnections: createCount(bounds.dnsConnections),
    received: createByteBound(bounds.heldBytes),
    sent: createByteBound(bounds.heldBytes),
    questions: createQuestionLimits(nowMs, bounds.questions),
    upstream: shareOf(upstream, bounds.upstreamAtATime),
    shallTell() {
      const now = nowMs();
      if (now - toldAtMs < TELL_AGAIN_MS) return false;
      toldAtMs = now;
      return true;
    },
  };
}

function createSandboxShare(app: AppShare, nowMs: () => number): SandboxShare {
  const own = createQuestionLimits(nowMs, SANDBOX_SHARE.questions);
  return {
    app,
    received: createByteBound(SANDBOX_SHARE.heldBytes, app.received),
    sent: createByteBound(SANDBOX_SHARE.heldBytes, app.sent),
    upstream: shareOf(app.upstream, SANDBOX_SHARE.upstreamAtATime),
    begin() {
      if (!own.begin()) return false;
      if (app.questions.begin()) return true;
      own.done();
      return false;
    },
    done() {
      own.done();
      app.questions.done();
    },
  };
}

function createConnections(max: number, inAll: Count): Connections {
  const own = createCount(max);
  return {
    take() {
      if (!own.take()) {
        return `the functions of this app have ${max} connections, the most that one app may have`;
      }
      if (inAll.take()) return null;
      own.give();
      return 'the functions of all apps have as many connections as this server makes';
    },
    give() {
      own.give();
      inAll.give();
    },
  };
}

function createCount(max: number): Count {
  let count = 0;
  return {
    take() {
      if (count >= max) return false;
      count += 1;
      return true;
    },
    give() {
      count -= 1;
    },
  };
}
