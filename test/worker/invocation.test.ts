import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FrameWriter } from '../../src/protocol/frame-writer.ts';
import { FrameDecoder } from '../../src/protocol/framing.ts';
import {
  BODY_CHUNK_BYTES,
  CANCEL_REASON,
  decodeResponseHead,
  WORKER_FRAME,
} from '../../src/protocol/worker.ts';
import { randomName } from '../../src/std/ids.ts';
import { Invocation } from '../../src/worker/invocation.ts';
import { sendResult } from '../../src/worker/conventions/result.ts';
import { eventually } from '../support/eventually.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** An invocation whose frames arrive at the other end of a socket. */
async function openInvocation() {
  const path = join(tmpdir(), `invocation-${randomName(8)}.sock`);
  const server = net.createServer().listen(path);
  await once(server, 'listening');
  const socket = net.connect(path);
  const [far] = (await once(server, 'connection')) as [net.Socket];
  cleanups.push(() => {
    socket.destroy();
    far.destroy();
    server.close();
  });
  const received: { type: number; payload: Buffer }[] = [];
  const decoder = new FrameDecoder(
    ({ type, payload }) => void received.push({ type, payload: Buffer.from(payload) }),
  );
  far.on('data', (chunk: Buffer) => decoder.push(chunk));
  const invocation = new Invocation(
    {
      hasBody: false,
      requestId: 'r',
      method: 'GET',
      target: '/',
      scheme: 'http',
      peer: '127.0.0.1',
      sharedHeaders: [],
      headers: [],
    },
    1,
    { writer: new FrameWriter(socket), startedAtMs: 0, onSettled: () => {} },
  );
  return { invocation, socket, received };
}

describe('a reply', () => {
  it.each([
    ['one frame', BODY_CHUNK_BYTES],
    ['several frames', 3 * BODY_CHUNK_BYTES + 1],
  ])('of %s is what the memory held when it was given', async (_what, length) => {
    const { invocation, socket, received } = await openInvocation();
    const memory = new Uint8Array(length).fill(1);
    socket.cork();
    const sending = invocation.reply(200, [], memory);
    memory.fill(2);
    socket.uncork();
    await sending;
    const last = length > BODY_CHUNK_BYTES ? WORKER_FRAME.END : WORKER_FRAME.REPLY;
    await eventually(() => received.at(-1)?.type === last);
    const bodies = received.map(({ type, payload }) => {
      if (type === WORKER_FRAME.REPLY) return decodeResponseHead(payload)?.rest ?? payload;
      return type === WORKER_FRAME.BODY ? payload : Buffer.alloc(0);
    });
    expect(Buffer.concat(bodies).equals(Buffer.alloc(length, 1))).toBe(true);
  });
});

describe('a streamed response that nobody waits for', () => {
  it.each([
    ['before its first chunk', 0],
    ['after some', 2],
  ])('is stopped at its source %s', async (_what, chunks) => {
    const { invocation, received } = await openInvocation();
    let reason: unknown = null;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (let chunk = 0; chunk < chunks; chunk++) controller.enqueue(new Uint8Array(8));
      },
      cancel: (given) => void (reason = given),
    });
    const sending = sendResult(invocation, new Response(body));
    if (chunks > 0) await eventually(() => received.length > chunks);
    invocation.cancel(CANCEL_REASON.CLIENT_GONE);
    await sending;
    expect(reason).toMatchObject({ name: 'AbortError' });
    expect(invocation.isSettled).toBe(true);
  });

  it('is stopped at its source also when it is returned later', async () => {
    const { invocation } = await openInvocation();
    invocation.cancel(CANCEL_REASON.CLIENT_GONE);
    let isCancelled = false;
    const body = new ReadableStream({ cancel: () => void (isCancelled = true) });
    await sendResult(invocation, new Response(body));
    expect(isCancelled).toBe(true);
  });
});
