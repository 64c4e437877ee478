/** A pool whose workers the test plays, frame by frame. */
import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { PoolOptions } from '../../src/main/process/start-options.ts';
import { AppLoad, appLimitsOf } from '../../src/pool/app-load.ts';
import { StartBudget } from '../../src/pool/start-budget.ts';
import { NO_CODE_CACHES } from '../../src/pool/code-caches.ts';
import { FunctionPool } from '../../src/pool/function-pool.ts';
import type { Invocation, InvocationFailure, Sandbox } from '../../src/pool/ports.ts';
import { Zygotes } from '../../src/pool/zygotes.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import { encodeFrame, FrameDecoder } from '../../src/protocol/framing.ts';
import { encodeResponseHead, WORKER_FRAME, type LogLine } from '../../src/protocol/worker.ts';
import type { SandboxExit } from '../../src/protocol/supervisor.ts';
import { type Clock, systemClock } from '../../src/std/clock.ts';
import { randomName } from '../../src/std/ids.ts';
import { servedDeployment, servedFunction } from './function-code.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** It becomes ready by itself unless it is to be told, ends when drained, and answers when told to. */
export class PlayedWorker {
  /** Of each INVOKE that it has got. */
  readonly streams: number[] = [];
  /** Of each CANCEL. */
  readonly cancelled: number[] = [];
  drains = 0;
  /** What was done to it, in this order. */
  readonly told: string[] = [];
  readonly #far: net.Socket;
  readonly #whenReady: Buffer | null;

  constructor(far: net.Socket, whenReady: Buffer | null) {
    this.#far = far;
    this.#whenReady = whenReady;
    const decoder = new FrameDecoder(({ type, stream }) => this.#receive(type, stream));
    far.on('data', (chunk: Buffer) => decoder.push(chunk));
    far.on('error', () => {}); // The other end may hang up first.
    this.send(WORKER_FRAME.HELLO, 0);
  }

  send(type: number, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    this.#far.write(encodeFrame(type, stream, payload));
  }

  sendRaw(frames: Buffer): void {
    this.#far.write(frames);
  }

  reply(index: number): void {
    this.send(WORKER_FRAME.REPLY, this.streams[index] ?? 0, encodeResponseHead(200, ''));
  }

  #receive(type: number, stream: number): void {
    if (type === WORKER_FRAME.SPECIALISE && this.#whenReady !== null) {
      this.#far.write(Buffer.concat([encodeFrame(WORKER_FRAME.READY, 0, '{}'), this.#whenReady]));
    }
    if (type === WORKER_FRAME.INVOKE) {
      this.streams.push(stream);
      this.told.push('invoke');
    }
    if (type === WORKER_FRAME.CANCEL) this.cancelled.push(stream);
    if (type === WORKER_FRAME.DRAIN) {
      this.drains++;
      this.told.push('drain');
      this.#far.end();
    }
  }
}

const POOL: PoolOptions = {
  zygotes: 0,
  queueLength: 100,
  queueMs: 10_000,
  idleMs: 60_000,
  freezeMs: null,
  initTimeoutMs: 10_000,
  drainMs: 60_000,
};

interface PlayOptions {
  pool?: Partial<PoolOptions>;
  concurrency?: number;
  /** Which starts the platform fails, counted from 0. */
  failsStart?: (index: number) => boolean;
  /** Sent along with READY by the first worker. */
  whenReady?: Buffer;
  /** How many of the first workers say READY only when they are told to. */
  slowStarts?: number;
  /** Resolved when the first worker comes near its memory limit. */
  nearMemoryLimit?: Promise<void>;
  clock?: Clock;
  load?: AppLoad;
}

export function loadWith(budget: StartBudget): AppLoad {
  return new AppLoad(appLimitsOf(2 ** 40), budget);
}

export async function play(options: PlayOptions = {}) {
  const { pool, concurrency = 1, failsStart, whenReady, nearMemoryLimit } = options;
  const { slowStarts = 0 } = options;
  const { clock = systemClock } = options;
  const { load = loadWith(new StartBudget(clock)) } = options;
  const path = join(tmpdir(), `function-pool-${randomName(8)}.sock`);
  const server = net.createServer().listen(path);
  await once(server, 'listening');
  // Several may be started at once, and connections come in the order in which they were asked for.
  const accepting: ((far: net.Socket) => void)[] = [];
  server.on('connection', (far) => accepting.shift()?.(far));
  cleanups.push(() => void server.close());
  const workers: PlayedWorker[] = [];
  const lines: LogLine[] = [];
  let starts = 0;

  async function start(): Promise<Sandbox> {
    if (failsStart?.(starts++) === true) throw new PlatformError('sandbox-failed', 'none today');
    const connected = new Promise<net.Socket>((resolve) => accepting.push(resolve));
    const socket = net.connect(path);
    socket.on('error', () => {}); // A start may come after the test.
    const far = await connected;
    cleanups.push(() => {
      socket.destroy();
      far.destroy();
    });
    const exit: SandboxExit = { code: 0, signal: null, wasOutOfMemory: false, stderrTail: '' };
    const exited = once(socket, 'close').then(() => exit);
    const isFirst = workers.length === 0;
    const isSlow = workers.length < slowStarts;
    const said = isSlow ? null : (isFirst && whenReady) || Buffer.alloc(0);
    const worker = new PlayedWorker(far, said);
    workers.push(worker);
    return {
      socket,
      output: { listen: () => {} },
      specialise: () => {},
      kill: () => void far.destroy(),
      freeze: () => void worker.told.push('freeze'),
      thaw: () => void worker.told.push('thaw'),
      exited,
      ...(isFirst && nearMemoryLimit !== undefined && { nearMemoryLimit }),
    };
  }

  const served = servedFunction({ concurrency });
  const functionPool = new FunctionPool(
    {
      zygotes: new Zygotes(
        { sandboxes: { start }, clock },
        { memoryMib: 128, reserve: 0, maxReserve: 0 },
      ),
      caches: NO_CODE_CACHES,
      code: { hasPackages: async () => false, read: async () => Buffer.alloc(0) },
      log: { line: (_source, line) => void lines.push(line) },
      clock,
      load,
    },
    {
      deployment: servedDeployment({ bundle: 'b', appName: 'hello', functions: [served] }),
      served,
    },
    { ...POOL, ...pool },
  );
  return { pool: functionPool, workers, lines, startCount: () => starts };
}

export class Request implements Invocation {
  readonly requestId = 'id';
  readonly text = 'id\nGET\n/\nhttp\n127.0.0.1';
  readonly hasBody = false;
  outcome: string | null = null;
  /** How often a worker has begun it. */
  begins = 0;
  begun(): void {
    this.begins++;
  }
  refused(): void {}
  credited(): void {}
  headed(): void {}
  body(): boolean {
    return false;
  }
  replied(status: number): void {
    this.outcome = String(status);
  }
  ended(): void {
    this.outcome = 'ended';
  }
  failed({ kind }: InvocationFailure): void {
    this.outcome = kind;
  }
}

export function dispatch(pool: FunctionPool): Request {
  const request = new Request();
  pool.dispatch(request);
  return request;
}
