import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { randomName } from '../../src/std/ids.ts';
import { readInPlace } from '../../src/std/read-in-place.ts';
import { eventually } from '../support/eventually.ts';

/** A connection whose near end nobody has read yet, as it comes from another process. */
async function connection(): Promise<{ near: net.Socket; far: net.Socket }> {
  const server = net.createServer();
  server.listen(join(tmpdir(), `read-in-place-${randomName(8)}.sock`));
  await once(server, 'listening');
  const far = net.connect(server.address() as string);
  const [near] = (await once(server, 'connection')) as [net.Socket];
  server.close();
  return { near, far };
}

it('reads all that comes, and its end, always into the same memory', async () => {
  const { near, far } = await connection();
  const socket = readInPlace(near);
  expect(socket).not.toBe(near);
  const memory = new Set<ArrayBufferLike>();
  let text = '';
  let chunks = 0;
  socket.on('data', (chunk: Buffer) => {
    memory.add(chunk.buffer);
    text += chunk.toString('latin1');
    chunks += 1;
    if (chunks < 20) far.write(`${chunks};`);
    else if (chunks === 20) far.end('x'.repeat(1_000_000));
  });
  far.write('0;');
  await once(socket, 'close');
  expect(memory.size).toBe(1);
  expect(text.replace(/x+$/, '')).toBe(Array.from({ length: 20 }, (_, at) => `${at};`).join(''));
  expect(text.length - text.indexOf('x')).toBe(1_000_000);
});

it('writes, waits while it is paused, and says when the other end has gone', async () => {
  const { near, far } = await connection();
  const socket = readInPlace(near);
  const seen: string[] = [];
  socket.on('data', (chunk: Buffer) => {
    seen.push(chunk.toString());
    socket.pause();
  });
  far.write('one');
  await eventually(() => seen.length === 1);
  far.write('two');
  const heard = once(far, 'data');
  socket.write('here');
  expect(String((await heard)[0])).toBe('here');
  expect(seen).toEqual(['one']);
  socket.resume();
  await eventually(() => seen.length === 2);
  socket.resume();
  far.destroy();
  await once(socket, 'close');
  expect(seen).toEqual(['one', 'two']);
});

it('leaves a socket that has closed as it is', async () => {
  const { near, far } = await connection();
  far.destroy();
  near.destroy();
  expect(readInPlace(near)).toBe(near);
});
