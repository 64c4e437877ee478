import net from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRegistryProxy } from '../../src/build/registry-proxy.ts';
import { BUILDER_FRAME, MAX_NET_STREAMS } from '../../src/protocol/builder.ts';
import { eventually } from '../support/eventually.ts';

/** A proxy for one registry, and what it sends and says. */
function openProxy(url: string, address: string | null, resolved: string) {
  const sent: { type: number; stream: number; text: string }[] = [];
  const said: string[] = [];
  const proxy = createRegistryProxy({
    registries: [{ url, address }],
    send: (type, stream, payload) =>
      void sent.push({ type, stream, text: Buffer.from(payload).toString() }),
    say: (line) => void said.push(line),
    resolve: async () => [{ address: resolved, family: 4 }],
  });
  onTestFinished(() => proxy.close());
  let stream = 0;
  const open = (host: string, port: number): boolean => {
    const payload = Buffer.from(JSON.stringify({ host, port }));
    return proxy.receive({ type: BUILDER_FRAME.NET_OPEN, stream: ++stream, payload });
  };
  return { proxy, sent, said, open };
}

describe('the way to a registry', () => {
  it('is refused when its name leads to this machine', async () => {
    const { open, said, sent } = openProxy('http://npm.example:4873/', null, '127.0.0.1');
    expect(open('npm.example', 4873)).toBe(true);
    await eventually(() => sent.some(({ type }) => type === BUILDER_FRAME.NET_REFUSED));
    expect(said).toEqual([
      'the build asked for npm.example:4873: its name leads to an address that builds do not reach',
    ]);
  });

  it.each(['10.1.2.3', '169.254.169.254', '198.18.0.1'])(
    'is refused when its name leads into a network of its own: %s',
    async (address) => {
      const { open, said } = openProxy('http://npm.example:4873/', null, address);
      open('npm.example', 4873);
      await eventually(() => said.length > 0);
      expect(said[0]).toContain('its name leads to an address that builds do not reach');
    },
  );

  it('is tried at an address that stands for a registry in closed networks', async () => {
    const { open, said, proxy } = openProxy('http://npm.example:4873/', null, '203.0.113.80');
    open('npm.example', 4873);
    await setImmediate();
    proxy.close();
    expect(said).toEqual([]);
  });

  it('is open at the address that the operator gives, and carries bytes', async () => {
    const server = net.createServer((socket) => socket.pipe(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { proxy, open, sent } = openProxy(`http://npm.example:${port}/`, '127.0.0.1', '8.8.8.8');
    open('npm.example', port);
    await eventually(() => sent.some(({ type }) => type === BUILDER_FRAME.NET_OPENED));
    const payload = Buffer.from('there and back');
    proxy.receive({ type: BUILDER_FRAME.NET_DATA, stream: 1, payload });
    await eventually(() => sent.some(({ text }) => text === 'there and back'));
  });

  it.each([
    ['evil.example', 443],
    ['127.0.0.1', 4873],
    ['::ffff:127.0.0.1', 4873],
    ['npm.example', 22],
  ])('is no way to %s port %i', async (host, port) => {
    const { open, said } = openProxy('http://npm.example:4873/', '127.0.0.1', '8.8.8.8');
    open(host, port);
    await eventually(() => said.length > 0);
    expect(said[0]).toContain('builds reach npm.example only');
  });

  it('opens no more connections at a time than it may, also when they are given up at once', async () => {
    let asked = 0;
    const resolve = (): Promise<never> => {
      asked += 1;
      return new Promise(() => {});
    };
    const refused: number[] = [];
    const proxy = createRegistryProxy({
      registries: [{ url: 'http://npm.example/', address: null }],
      send: (type, stream) => void (type === BUILDER_FRAME.NET_REFUSED && refused.push(stream)),
      say: () => {},
      resolve,
    });
    onTestFinished(() => proxy.close());
    const payload = Buffer.from(JSON.stringify({ host: 'npm.example', port: 80 }));
    for (let stream = 1; stream <= 200; stream++) {
      proxy.receive({ type: BUILDER_FRAME.NET_OPEN, stream, payload });
      proxy.receive({ type: BUILDER_FRAME.NET_RESET, stream, payload: Buffer.alloc(0) });
      await setImmediate();
    }
    expect(asked).toBe(1);
    expect(refused).toHaveLength(200 - MAX_NET_STREAMS);
  });

  it('takes no credit for bytes that were never sent', async () => {
    const { proxy, open } = openProxy('http://npm.example:4873/', '127.0.0.1', '8.8.8.8');
    open('npm.example', 4873);
    const payload = Buffer.from('ffffffff', 'hex');
    expect(proxy.receive({ type: BUILDER_FRAME.NET_CREDIT, stream: 1, payload })).toBe(false);
  });

  it('takes nothing that breaks the protocol', () => {
    const { proxy } = openProxy('http://npm.example/', null, '8.8.8.8');
    const payload = Buffer.from('{"host":"a"}');
    expect(proxy.receive({ type: BUILDER_FRAME.NET_OPEN, stream: 1, payload })).toBe(false);
    expect(proxy.receive({ type: BUILDER_FRAME.NET_DATA, stream: 9, payload })).toBe(false);
    expect(proxy.receive({ type: 99, stream: 0, payload })).toBe(false);
  });
});
