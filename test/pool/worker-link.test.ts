import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Invocation, InvocationFailure, InvocationLink } from '../../src/pool/ports.ts';
import { WorkerLink } from '../../src/pool/worker-link.ts';
import { encodeFrame, FrameDecoder } from '../../src/protocol/framing.ts';
import {
  BODY_CHUNK_BYTES,
  encodeResponseHead,
  MAX_WORKER_FRAME_BYTES,
  WINDOW_BYTES,
  WORKER_FRAME,
} from '../../src/protocol/worker.ts';
import { systemClock } from '../../src/std/clock.ts';
import { randomName } from '../../src/std/ids.ts';
import { eventually } from '../support/eventually.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** Both ends of a connection; the far one is a worker that the test plays. */
async function openLink(concurrency: number, timeoutMs = 60_000) {
  const path = join(tmpdir(), `worker-link-${randomName(8)}.sock`);
  const server = net.createServer().listen(path);
  await once(server, 'listening');
  const near = net.connect(path);
  const [far] = (await once(server, 'connection')) as [net.Socket];
  cleanups.push(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  const received: { type: number; stream: number; payload: Buffer }[] = [];
  const decoder = new FrameDecoder((frame) => {
    received.push({ ...frame, payload: Buffer.from(frame.payload) });
  });
  far.on('data', (chunk: Buffer) => decoder.push(chunk));
  const link = new WorkerLink(near, systemClock);
  const head = { functionName: 'main', version: 'v1', deployment: 'd', file: 'f', entry: 'e' };
  const limits = { memoryMib: 128, timeoutMs, initTimeoutMs: 10_000, concurrency };
  const choices = { path: null, convention: null, event: null };
  link.specialise({ ...head, ...limits, ...choices }, Buffer.alloc(0));
  return {
    link,
    received,
    /** The stream of the n-th invocation that the worker got. */
    streamOf: async (index: number): Promise<number> => {
      const invokes = () => received.filter(({ type }) => type === WORKER_FRAME.INVOKE);
      await eventually(() => invokes().length > index);
      return invokes()[index]?.stream ?? 0;
    },
    send: (type: number, stream: number, payload: Buffer = Buffer.alloc(0)) =>
      void far.write(encodeFrame(type, stream, payload)),
    sendRaw: (raw: Buffer) => void far.write(raw),
    /** The worker reads no more of what it is sent. */
    stopReading: () => void far.pause(),
    bufferedBytes: () => near.writableLength,
  };
}

class Recorder implements Invocation {
  readonly requestId = 'id';
  readonly text = 'id\nGET\n/\nhttp\n127.0.0.1';
  readonly hasBody = false;
  readonly events: string[] = [];
  /** What it keeps of its body; null when it passes all on at once. */
  kept: Buffer[] | null = null;
  link: InvocationLink | null = null;
  stream = 0;

  begun(link: InvocationLink, stream: number): void {
    this.link = link;
    this.stream = stream;
  }
  refused(): void {
    this.events.push('refused');
  }
  credited(bytes: number): void {
    this.events.push(`credited ${bytes}`);
  }
  replied(status: number, _headers: string, body: Buffer): void {
    this.events.push(`replied ${status} ${body.toString()}`);
  }
  headed(status: number): void {
    this.events.push(`headed ${status}`);
  }
  body(chunk: Buffer): boolean {
    this.events.push(`body ${chunk.toString()}`);
    this.kept?.push(chunk);
    return this.kept !== null;
  }
  ended(): void {
    this.events.push('ended');
  }
  failed(failure: InvocationFailure): void {
    this.events.push(`failed ${failure.kind}`);
  }
}

function reply(body: string | Buffer): Buffer {
  return Buffer.concat([encodeResponseHead(200, ''), Buffer.from(body)]);
}

function filler(length: number): Buffer {
  return Buffer.alloc(length, 'x');
}

/** A link with one invocation, whose worker may do wrong. */
async function openBusyLink(concurrency: number) {
  const opened = await openLink(concurrency);
  const reasons: string[] = [];
  opened.link.listen({ unusable: (reason) => reasons.push(reason) });
  const recorder = new Recorder();
  opened.link.invoke(recorder, null);
  return { ...opened, reasons, recorder, stream: await opened.streamOf(0) };
}

describe('WorkerLink', () => {
  it('never gives a late reply to the next owner of the slot', async () => {
    const { link, send, streamOf } = await openLink(1);
    const turns = 50;
    const recorders: Recorder[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const recorder = new Recorder();
      recorders.push(recorder);
      link.invoke(recorder, null);
      const stream = await streamOf(turn);
      // All earlier streams answer again, and some that never were.
      for (let other = 0; other <= turns * 2; other++) {
        if (other !== stream) send(WORKER_FRAME.REPLY, other, reply('late'));
      }
      send(WORKER_FRAME.REPLY, stream, reply(`own ${turn}`));
      await eventually(() => recorder.events.length > 0);
    }
    expect(recorders.map(({ events }) => events)).toEqual(
      recorders.map((_, turn) => [`replied 200 own ${turn}`]),
    );
  });

  it('hands a refused invocation back and asks again only when something has ended', async () => {
    const { link, send, streamOf } = await openLink(2);
    const nacked: Invocation[] = [];
    let settled = 0;
    link.listen({ nacked: (invocation) => nacked.push(invocation), settled: () => settled++ });
    const [kept, refused] = [new Recorder(), new Recorder()];
    link.invoke(kept, null);
    link.invoke(refused, null);
    send(WORKER_FRAME.NACK, await streamOf(1));
    await eventually(() => nacked.length === 1);
    expect(nacked[0]).toBe(refused);
    expect(refused.events).toEqual(['refused']);
    expect(link.room).toBe(0);
    send(WORKER_FRAME.REPLY, await streamOf(0), reply('done'));
    await eventually(() => settled === 1);
    expect(link.room).toBe(2);
  });

  it('holds the slot of a cancelled invocation until its handler settles', async () => {
    const { link, send, received, streamOf } = await openLink(1);
    const recorder = new Recorder();
    link.invoke(recorder, null);
    const stream = await streamOf(0);
    link.cancel(stream);
    await eventually(() => received.some(({ type }) => type === WORKER_FRAME.CANCEL));
    expect(link.room).toBe(0);
    send(WORKER_FRAME.REPLY, stream, reply('nobody reads this'));
    await eventually(() => link.room === 1);
    expect(recorder.events).toEqual([]);
  });

  it('counts a worker that answers no ping after a timeout as unusable', async () => {
    const { link } = await openLink(1, 1000);
    const reasons: string[] = [];
    link.listen({ unusable: (reason) => reasons.push(reason) });
    const recorder = new Recorder();
    link.invoke(recorder, null);
    await eventually(() => recorder.events.length === 1);
    expect(recorder.events).toEqual(['failed timeout']);
    expect(link.isSuspect).toBe(true);
    await eventually(() => reasons.length === 1);
  });

  it.each([
    ['a frame above the limit', Buffer.from([255, 255, 255, 255, 1, 0, 0, 0, 0])],
    ['an unknown frame', encodeFrame(200, 0, '')],
    ['a response head that is cut', encodeFrame(WORKER_FRAME.REPLY, 1, 'abc')],
    ['a credit of no size', encodeFrame(WORKER_FRAME.CREDIT, 1, '')],
    ['a log line that is no JSON', encodeFrame(WORKER_FRAME.LOG, 0, '{')],
    ['a log line that is no object', encodeFrame(WORKER_FRAME.LOG, 0, '7')],
    ['an answer to no ping', encodeFrame(WORKER_FRAME.PONG, 0, '')],
    ['an empty body frame', encodeFrame(WORKER_FRAME.BODY, 1, '')],
    ['a body frame above a chunk', encodeFrame(WORKER_FRAME.BODY, 1, filler(BODY_CHUNK_BYTES + 1))],
    [
      'a reply above a chunk',
      encodeFrame(WORKER_FRAME.REPLY, 1, reply(filler(BODY_CHUNK_BYTES + 1))),
    ],
    [
      'a frame that none needs',
      encodeFrame(WORKER_FRAME.FAILED, 1, filler(MAX_WORKER_FRAME_BYTES)),
    ],
  ])('calls a worker unusable that sends %s', async (_what, sent) => {
    const { link, sendRaw } = await openLink(1);
    const reasons: string[] = [];
    link.listen({ unusable: (reason) => reasons.push(reason) });
    sendRaw(sent);
    await eventually(() => reasons.length === 1);
  });

  it('takes one answer to its greeting, and no second', async () => {
    const { link, received, send } = await openLink(1);
    const reasons: string[] = [];
    link.listen({ unusable: (reason) => reasons.push(reason) });
    link.greet();
    await eventually(() => received.some(({ type }) => type === WORKER_FRAME.PING));
    expect(link.isSuspect).toBe(false);
    send(WORKER_FRAME.PONG, 0);
    send(WORKER_FRAME.PONG, 0);
    await eventually(() => reasons.length === 1);
    expect(reasons[0]).toContain('an answer to no ping');
  });

  it('takes the largest reply that a worker may send', async () => {
    const { send, stream, recorder } = await openBusyLink(1);
    send(WORKER_FRAME.REPLY, stream, reply(filler(BODY_CHUNK_BYTES)));
    await eventually(() => recorder.events.length === 1);
    expect(recorder.events[0]).toMatch(/^replied 200 x+$/);
  });

  it('counts a refusal by a worker that has nothing else as a breach', async () => {
    const { send, stream, reasons, recorder } = await openBusyLink(2);
    send(WORKER_FRAME.NACK, stream);
    await eventually(() => reasons.length === 1);
    expect(recorder.events).toEqual([]);
  });

  it.each([
    ['credit', WORKER_FRAME.CREDIT, Buffer.from([0, 0, 0, 1])],
    ['head', WORKER_FRAME.HEAD, encodeResponseHead(200, '')],
    ['body', WORKER_FRAME.BODY, filler(1)],
  ])('counts a refusal after a %s as a breach', async (_what, type, payload) => {
    const { link, send, stream, reasons, recorder } = await openBusyLink(2);
    link.invoke(new Recorder(), null);
    send(type, stream, payload);
    send(WORKER_FRAME.NACK, stream);
    await eventually(() => reasons.length === 1);
    expect(recorder.events).not.toContain('refused');
  });

  it('hands a refused invocation back with the time since when it waits', async () => {
    const { link, send, streamOf } = await openBusyLink(2);
    const seen: number[] = [];
    link.listen({ nacked: (_invocation, waitedSinceMs) => seen.push(waitedSinceMs) });
    link.invoke(new Recorder(), null, 123);
    send(WORKER_FRAME.NACK, await streamOf(1));
    await eventually(() => seen.length === 1);
    expect(seen).toEqual([123]);
  });

  it('leaves an invocation the chunks that it keeps, also when their read buffer is used again', async () => {
    const { link, sendRaw, stream, recorder } = await openBusyLink(1);
    recorder.kept = [];
    const chunks = [3, BODY_CHUNK_BYTES, 10_000, 5, BODY_CHUNK_BYTES, 4, BODY_CHUNK_BYTES];
    for (const [index, bytes] of chunks.entries()) {
      sendRaw(encodeFrame(WORKER_FRAME.BODY, stream, Buffer.alloc(bytes, index + 1)));
      await eventually(() => recorder.kept?.length === index + 1);
      link.credit(stream, bytes);
    }
    const expected = chunks.map((bytes, index) => Buffer.alloc(bytes, index + 1));
    expect(recorder.kept.map((chunk, index) => chunk.equals(expected[index] ?? chunk))).toEqual(
      chunks.map(() => true),
    );
  });

  it('charges small body frames by more than their bytes', async () => {
    const { sendRaw, stream, reasons, recorder } = await openBusyLink(1);
    const frame = encodeFrame(WORKER_FRAME.BODY, stream, 'x');
    sendRaw(Buffer.concat(Array.from({ length: 10_000 }, () => frame)));
    await eventually(() => reasons.length === 1);
    expect(reasons[0]).toContain('beyond its window');
    expect(recorder.events.length).toBeLessThan(WINDOW_BYTES / 256);
  });

  it('takes small body frames without end from a worker that is given credit for them', async () => {
    const { link, sendRaw, stream, reasons, recorder, received } = await openBusyLink(1);
    recorder.body = () => {
      link.credit(stream, 1);
      return false;
    };
    const frame = encodeFrame(WORKER_FRAME.BODY, stream, 'x');
    const count = 10_000;
    sendRaw(Buffer.concat(Array.from({ length: count }, () => frame)));
    await eventually(
      () => received.filter(({ type }) => type === WORKER_FRAME.CREDIT).length === count,
    );
    expect(reasons).toEqual([]);
  });

  it('gives up a worker that makes it write and reads nothing', async () => {
    const { link, sendRaw, stream, reasons, stopReading, bufferedBytes } = await openBusyLink(1);
    link.cancel(stream);
    stopReading();
    const frame = encodeFrame(WORKER_FRAME.BODY, stream, 'x');
    const frames = Buffer.concat(Array.from({ length: 10_000 }, () => frame));
    await eventually(() => {
      sendRaw(frames); // Each frame of a stream that nobody has is answered with a credit.
      return reasons.length === 1;
    });
    expect(reasons[0]).toContain('does not read');
    expect(bufferedBytes()).toBeLessThan(2 * 1024 * 1024);
  });

  it('reads nothing of what follows a breach in the same chunk', async () => {
    const { sendRaw, stream, reasons, recorder } = await openBusyLink(1);
    sendRaw(
      Buffer.concat([
        encodeFrame(200, 0, ''),
        encodeFrame(WORKER_FRAME.REPLY, stream, reply('too late')),
        encodeFrame(201, 0, ''),
      ]),
    );
    await eventually(() => reasons.length > 0);
    expect([reasons.length, recorder.events]).toEqual([1, []]);
  });

  it('drops log lines above its budget, says how many, and gives up a worker that floods', async () => {
    const { link, sendRaw } = await openLink(1);
    const reasons: string[] = [];
    let lines = 0;
    link.listen({ log: () => lines++, unusable: (reason) => reasons.push(reason) });
    const frame = encodeFrame(WORKER_FRAME.LOG, 0, '{"level":"info","text":"x"}');
    const frames = Buffer.concat(Array.from({ length: 10_000 }, () => frame));
    await eventually(() => {
      sendRaw(frames);
      return reasons.length === 1;
    });
    expect(lines).toBeLessThan(20_000);
  });

  it('parses no line that is not admitted, and passes on what it says of lines before it', async () => {
    const { link, send } = await openLink(1);
    const heard: string[] = [];
    const reasons: string[] = [];
    link.listen({
      admitsLog: (bytes) => bytes < 40,
      log: ({ text }) => heard.push(text),
      logLeftOut: (count) => heard.push(`and ${count} more`),
      unusable: (reason) => reasons.push(reason),
    });
    const long = 'x'.repeat(40);
    const payloads = [
      `{"level":"info","text":"${long}","dropped":123}`,
      `{"level":"info","text":"${long}","dropped":0}`,
      `{"level":"info","text":"${long}","dropped":1234567890123}`,
      String.raw`{"text":"${long} \"dropped\":5}`,
      `${long}7}`,
      long,
      `{"text":"short","dropped":0}`,
    ];
    for (const payload of payloads) send(WORKER_FRAME.LOG, 0, Buffer.from(payload));
    await eventually(() => heard.includes('short'));
    expect([heard, reasons]).toEqual([['and 123 more', 'short'], []]);
  });

  it('tells once that a worker retires, and the next holder if none heard it', async () => {
    const { link, send, stream, recorder } = await openBusyLink(1);
    send(WORKER_FRAME.READY, 0, Buffer.from('{}'));
    for (let times = 0; times < 3; times++) send(WORKER_FRAME.RETIRING, 0);
    send(WORKER_FRAME.REPLY, stream, reply('done'));
    await eventually(() => recorder.events.length === 1);
    let heard = 0;
    link.listen({ retiring: () => heard++ });
    send(WORKER_FRAME.RETIRING, 0);
    const next = new Recorder();
    link.invoke(next, null);
    send(WORKER_FRAME.REPLY, next.stream, reply('done'));
    await eventually(() => next.events.length === 1);
    expect(heard).toBe(1);
  });

  it('fails what it has when it is told that the worker is gone', async () => {
    const { link, streamOf } = await openLink(2);
    const recorder = new Recorder();
    link.invoke(recorder, null);
    await streamOf(0);
    link.failAll({ kind: 'worker-gone', message: 'x' });
    expect(recorder.events).toEqual(['failed worker-gone']);
    expect(link.room).toBe(2);
  });
});
