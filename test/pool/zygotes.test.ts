import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Sandbox } from '../../src/pool/ports.ts';
import { maxZygotesOf, ZygoteDemand } from '../../src/pool/zygote-demand.ts';
import { ZygoteClasses } from '../../src/pool/zygote-classes.ts';
import { Zygotes } from '../../src/pool/zygotes.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import { encodeFrame, FrameDecoder } from '../../src/protocol/framing.ts';

import { WORKER_FRAME } from '../../src/protocol/worker.ts';
import type { Clock } from '../../src/std/clock.ts';
import { randomName } from '../../src/std/ids.ts';
import { eventually } from '../support/eventually.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** Time that passes when the test says so. */
class SteppedClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ dueMs: number; callback: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers) {
      if (timer.dueMs > this.#nowMs) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}

/** Zygotes that say that they have booted as soon as they are started. */
async function openZygotes(options: { reserve: number; maxReserve: number }) {
  const path = join(tmpdir(), `zygotes-${randomName(8)}.sock`);
  const far: net.Socket[] = [];
  const heard: number[] = [];
  const server = net.createServer((socket) => {
    far.push(socket);
    const decoder = new FrameDecoder(({ type }) => heard.push(type));
    socket.on('data', (chunk: Buffer) => decoder.push(chunk));
    socket.write(encodeFrame(WORKER_FRAME.HELLO, 0, Buffer.alloc(0)));
  });
  server.listen(path);
  await once(server, 'listening');
  cleanups.push(() => server.close());
  const clock = new SteppedClock();
  const counts = { started: 0, failing: false, booted: 0 };
  const zygotes = new Zygotes(
    {
      clock,
      sandboxes: {
        start: async (): Promise<Sandbox> => {
          counts.started += 1;
          if (counts.failing) throw new PlatformError('sandbox-failed', 'none today');
          const socket = net.connect(path);
          cleanups.push(() => socket.destroy());
          const exited = new Promise<never>(() => {});
          const output = { listen: () => {} };
          const booted = (): void => void (counts.booted += 1);
          const kill = (): void => void socket.destroy();
          return { socket, output, exited, specialise: () => {}, booted, kill };
        },
      },
    },
    { memoryMib: 128, ...options },
  );
  cleanups.push(() => {
    zygotes.close();
    for (const socket of far) socket.destroy();
  });
  return { zygotes, clock, counts, far, heard };
}

async function openClasses() {
  const path = join(tmpdir(), `zygotes-${randomName(8)}.sock`);
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.write(encodeFrame(WORKER_FRAME.HELLO, 0, Buffer.alloc(0)));
  });
  server.listen(path);
  await once(server, 'listening');
  const started: number[] = [];
  const start = async (memoryMib: number): Promise<Sandbox> => {
    started.push(memoryMib);
    const socket = net.connect(path);
    const exited = new Promise<never>(() => {});
    const output = { listen: () => {} };
    return { socket, output, exited, specialise: () => {}, kill: () => socket.destroy() };
  };
  const options = { memoryMib: 128, reserve: 1, maxReserve: 1 };
  const classes = new ZygoteClasses({ clock: new SteppedClock(), sandboxes: { start } }, options);
  cleanups.push(() => {
    classes.close();
    server.close();
  });
  return { classes, started };
}

describe('zygotes', () => {
  it('are kept as many as were taken in the busiest second, up to their limit', async () => {
    const { zygotes, clock } = await openZygotes({ reserve: 2, maxReserve: 4 });
    zygotes.start();
    await eventually(() => zygotes.readyCount === 2);
    for (let taken = 0; taken < 6; taken++) await zygotes.take(128);
    clock.pass(25);
    await eventually(() => zygotes.readyCount === 4);
  });

  it('are as few as before a minute after the last busy second', async () => {
    const { zygotes, clock } = await openZygotes({ reserve: 1, maxReserve: 4 });
    zygotes.start();
    for (let taken = 0; taken < 3; taken++) await zygotes.take(128);
    await eventually(() => zygotes.readyCount === 3);
    clock.pass(61_000);
    for (let taken = 0; taken < 3; taken++) {
      await zygotes.take(128);
      clock.pass(1_000);
    }
    await eventually(() => zygotes.readyCount === 1);
  });

  it('are not booted for the next cold start in the moment of this one', async () => {
    const { zygotes, clock, counts } = await openZygotes({ reserve: 2, maxReserve: 2 });
    zygotes.start();
    await eventually(() => zygotes.readyCount === 2);
    await zygotes.take(128);
    expect(counts.started).toBe(2);
    clock.pass(25);
    expect(counts.started).toBe(3);
  });

  it('are booted a second time for who waits, and not a third', async () => {
    const { zygotes, counts } = await openZygotes({ reserve: 0, maxReserve: 0 });
    counts.failing = true;
    const taking = zygotes.take(128);
    expect(counts.started).toBe(1);
    counts.failing = false;
    await taking;
    expect(counts.started).toBe(2);
    counts.failing = true;
    await expect(zygotes.take(128)).rejects.toThrow(PlatformError);
    expect(counts.started).toBe(4);
  });

  it('are asked for a sign of life each while they boot, and are ready without one', async () => {
    const { zygotes, heard } = await openZygotes({ reserve: 2, maxReserve: 2 });
    zygotes.start();
    await eventually(() => zygotes.readyCount === 2 && heard.length === 2);
    expect(heard).toEqual([WORKER_FRAME.PING, WORKER_FRAME.PING]);
  });

  it('are told of as booted when they have settled, unless they were taken before', async () => {
    const { zygotes, clock, counts } = await openZygotes({ reserve: 3, maxReserve: 3 });
    zygotes.start();
    await eventually(() => zygotes.readyCount === 3);
    await zygotes.take(128);
    expect(counts.booted).toBe(0);
    clock.pass(250);
    expect(counts.booted).toBe(2);
  });

  it('that do not boot are tried again ever later', async () => {
    const { zygotes, clock, counts } = await openZygotes({ reserve: 1, maxReserve: 1 });
    counts.failing = true;
    zygotes.start();
    for (const [tries, pauseMs] of [1_000, 2_000, 4_000].entries()) {
      await eventually(() => counts.started === tries + 1);
      await new Promise((resolve) => void setImmediate(resolve));
      clock.pass(pauseMs - 1);
      expect(counts.started).toBe(tries + 1);
      clock.pass(1);
    }
    await eventually(() => counts.started === 4);
  });
});

describe('zygotes of several classes', () => {
  it('are kept of the memory that most functions have, and of no other', async () => {
    const { classes, started } = await openClasses();
    classes.start();
    classes.serve([128, 512, 512, 1024, 192, 192, 200, 200, 256, 256]);
    await eventually(() => classes.readyCount === 5);
    expect(new Set(started)).toEqual(new Set([128, 192, 200, 256, 512]));
    await classes.take(512);
    expect(started).toHaveLength(5);
    await classes.take(1024);
    expect(started.at(-1), 'booted when it was asked for').toBe(1024);
    classes.serve([128, 1024]);
    await eventually(() => classes.readyCount === 2);
    expect(started.at(-1)).toBe(1024);
  });
});

describe('the demand', () => {
  it('is that of the busiest second of the last minute', () => {
    let nowMs = 5_000;
    const demand = new ZygoteDemand(() => nowMs);
    for (let taken = 0; taken < 3; taken++) demand.took();
    nowMs += 1_000;
    demand.took();
    expect(demand.busiestSecond).toBe(3);
    nowMs += 59_000;
    expect(demand.busiestSecond).toBe(1);
    nowMs += 1_000_000;
    expect(demand.busiestSecond).toBe(0);
  });

  it('keeps a sixteenth of the machine at most', () => {
    expect(maxZygotesOf(24 * 1024 ** 3)).toBe(64);
    expect(maxZygotesOf(1024 ** 3)).toBe(2);
    expect(maxZygotesOf(0)).toBe(1);
  });
});
