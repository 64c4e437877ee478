import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { CHANNEL_FRAME, MAX_CHANNEL_FRAME_BYTES } from '../../../src/protocol/egress-channel.ts';
import { encodeFrame } from '../../../src/protocol/framing.ts';
import { RELAY_WINDOW_BYTES } from '../../../src/protocol/relay-stream.ts';
import { createEgressClient } from '../../../src/worker/outgoing/egress-client.ts';

/** A client, and the other end of its channel. */
async function startClient() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const inner = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  const [outer] = (await once(server, 'connection')) as [net.Socket];
  server.close();
  outer.on('error', () => {});
  outer.resume();
  const ended = Promise.withResolvers<string>();
  const client = createEgressClient(inner, {
    closed: () => ended.resolve('closed'),
    warn: () => {},
  });
  onTestFinished(() => {
    inner.destroy();
    outer.destroy();
  });
  return { client, outer, closed: ended.promise };
}

const TARGET = { host: 'db.example', port: 5432 };
const OPENED = encodeFrame(CHANNEL_FRAME.OPENED, 1, '{"address":"192.0.2.1"}');

it('what waits fails when the channel closes, and so does what comes later', async () => {
  const { client, outer, closed } = await startClient();
  const waiting = Promise.allSettled([client.connect(TARGET), client.lookUp('a.example')]);
  outer.destroy();
  expect(await closed).toBe('closed');
  const failures = [...(await waiting), ...(await Promise.allSettled([client.connect(TARGET)]))];
  for (const failure of failures) {
    expect(failure).toMatchObject({ status: 'rejected', reason: { code: 'ENETDOWN' } });
  }
});

it('a connection that stands breaks with the channel', async () => {
  const { client, outer, closed } = await startClient();
  const connecting = client.connect(TARGET);
  outer.write(OPENED);
  const { relay, address } = await connecting;
  expect(address).toBe('192.0.2.1');
  const read = text(relay);
  outer.destroy();
  await expect(read).rejects.toThrow('the way out of the sandbox has closed');
  expect(await closed).toBe('closed');
});

it.each([
  ['a frame without end', Buffer.from('ffffffff0000000000', 'hex')],
  [
    'a frame over the limit',
    encodeFrame(CHANNEL_FRAME.DATA, 1, 'x'.repeat(MAX_CHANNEL_FRAME_BYTES)),
  ],
  ['more bytes than there is room for', overfull()],
  [
    'credit for what was never sent',
    encodeFrame(CHANNEL_FRAME.CREDIT, 1, Buffer.from('00000001', 'hex')),
  ],
  ['credit of no number', encodeFrame(CHANNEL_FRAME.CREDIT, 1, '')],
])('the channel ends at %s', async (_, bytes) => {
  const { client, outer, closed } = await startClient();
  const connecting = client.connect(TARGET);
  outer.write(OPENED);
  await connecting;
  outer.write(bytes);
  expect(await closed).toBe('closed');
});

function overfull(): Buffer {
  const chunk = 'x'.repeat(64 * 1024);
  const frames = Math.floor(RELAY_WINDOW_BYTES / chunk.length) + 2;
  return Buffer.concat(
    Array.from({ length: frames }, () => encodeFrame(CHANNEL_FRAME.DATA, 1, chunk)),
  );
}

it('whatever comes, every connection that is asked for is made or fails', async () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc
      .constantFrom(
        '{"code":"EACCES","message":"no"}',
        '{"address":"192.0.2.1"}',
        '["192.0.2.1"]',
        'null',
      )
      .map((json) => new Uint8Array(Buffer.from(json))),
  );
  const frame = fc
    .tuple(fc.constantFrom(...Object.values(CHANNEL_FRAME), 99), fc.nat({ max: 4 }), payload)
    .map(([type, stream, bytes]) => encodeFrame(type, stream, bytes));
  const bytes = fc.oneof(
    frame,
    fc.uint8Array({ maxLength: 9 }).map((raw) => Buffer.from(raw)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 10 }), async (all) => {
      const { client, outer, closed } = await startClient();
      const asked = Promise.allSettled([
        client.connect(TARGET),
        client.lookUp('a.example'),
        client.connect(TARGET),
      ]);
      outer.end(Buffer.concat(all));
      await closed;
      for (const result of await asked) {
        if (result.status === 'rejected') continue;
        // What was answered is the platform's word; any JSON may be among it here.
        const answer = result.value as { relay?: { destroy(): void } } | null;
        answer?.relay?.destroy();
      }
    }),
    { numRuns: 60 },
  );
});
