import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { expect, onTestFinished, test } from 'vitest';
import { openChannel } from '../../src/builder/channel.ts';
import { createBuilderServices } from '../../src/builder/install/builder-services.ts';
import { makeSourceFolder, unpackSource } from '../../src/builder/unpack.ts';
import { BUILDER_FRAME } from '../../src/protocol/builder.ts';
import { encodeFrame, FrameDecoder } from '../../src/protocol/framing.ts';

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer();
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => void near.destroy());
  onTestFinished(() => void far.destroy());
  return [near, far];
}

test('a source whose end comes with its last bytes leaves the connection readable', async () => {
  const [near, far] = await socketPair();
  const channel = openChannel(near, (reason) => expect.unreachable(reason.message));
  onTestFinished(() => void far.removeAllListeners());
  const chunk = encodeFrame(BUILDER_FRAME.TAR, 0, Buffer.alloc(64 * 1024, 1));
  near.emit('data', Buffer.concat([chunk, encodeFrame(BUILDER_FRAME.TAR_END, 0, '')]));
  expect((await buffer(channel.tar)).length).toBe(64 * 1024);
  expect(near.isPaused()).toBe(false);
  void channel.done({ kind: 'failed', problems: [] });
});

test('what follows the last file of a source leaves the connection readable', async () => {
  const [near, far] = await socketPair();
  const channel = openChannel(near, (reason) => expect.unreachable(reason.message));
  const archive = pack();
  archive.entry({ name: 'index.js' }, 'export default 1;\n');
  archive.finalize();
  const whole = Buffer.concat([await buffer(archive), Buffer.alloc(512 * 1024)]);
  far.write(encodeFrame(BUILDER_FRAME.TAR, 0, whole));
  far.write(encodeFrame(BUILDER_FRAME.TAR_END, 0, ''));
  const root = makeSourceFolder();
  onTestFinished(() => rmSync(root, { recursive: true }));
  expect(await unpackSource(channel.tar, root)).toMatchObject({ kind: 'unpacked', files: 1 });
  await finished(channel.tar);
  expect(near.isPaused()).toBe(false);
  void channel.done({ kind: 'failed', problems: [] });
});

test('a cache whose end comes with its last bytes leaves the connection readable', async () => {
  const [near, far] = await socketPair();
  const services = createBuilderServices(near);
  const decoder = new FrameDecoder((frame) => void services.receive(frame));
  near.on('data', (chunk: Buffer) => decoder.push(chunk));
  far.on('data', () => {
    const bytes = encodeFrame(BUILDER_FRAME.CACHE, 0, Buffer.alloc(64 * 1024, 1));
    const end = encodeFrame(BUILDER_FRAME.CACHE_END, 0, '');
    // Framed already: the decoder gets both at once, whatever the network makes of them.
    near.emit('data', Buffer.concat([bytes, end]));
  });
  for (let read = 0; read < 2; read++) {
    const cache = await buffer(services.readCache('a'.repeat(64)));
    expect(cache.length).toBe(64 * 1024);
    expect(near.isPaused()).toBe(false);
  }
});
