import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  ProxyRefusal,
  readHttpRequest,
  readSocksGreeting,
  readSocksRequest,
} from '../../../src/worker/outgoing/proxy-request.ts';

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const name = (text: string): Buffer =>
  Buffer.concat([bytes(5, 1, 0, 3, text.length), Buffer.from(text), bytes(1, 187)]);

it.each([
  ['a name', name('db.example'), { host: 'db.example', port: 443 }],
  ['IPv4', bytes(5, 1, 0, 1, 192, 0, 2, 1, 0, 80), { host: '192.0.2.1', port: 80 }],
  [
    'IPv6',
    Buffer.from('0501000420010db800000000000000000000000100 50'.replace(' ', ''), 'hex'),
    { host: '2001:0db8:0000:0000:0000:0000:0000:0001', port: 80 },
  ],
])('SOCKS5 asks for %s', (_, request, target) => {
  expect(readSocksRequest(Buffer.concat([request, Buffer.from('more')]))).toEqual({
    value: target,
    bytes: request.length,
  });
  for (let length = 0; length < request.length; length++) {
    expect(readSocksRequest(request.subarray(0, length))).toBeNull();
  }
});

it.each([
  ['BIND', bytes(5, 2, 0, 1, 192, 0, 2, 1, 0, 80), 7],
  ['UDP', bytes(5, 3, 0, 1, 192, 0, 2, 1, 0, 80), 7],
  ['an address of no known kind', bytes(5, 1, 0, 9, 0, 0), 8],
  ['no name', bytes(5, 1, 0, 3, 0, 0, 80), 1],
  ['port 0', bytes(5, 1, 0, 1, 192, 0, 2, 1, 0, 0), 1],
  ['another version', bytes(4, 1, 0, 1, 192, 0, 2, 1, 0, 80), 1],
])('SOCKS5 refuses %s with its own code', (_, request, code) => {
  expect(refusalOf(() => readSocksRequest(request))).toEqual(
    bytes(5, code, 0, 1, 0, 0, 0, 0, 0, 0),
  );
});

it('SOCKS5 takes a client that need not say who it is, and no other', () => {
  expect(readSocksGreeting(bytes(5, 2, 2))).toBeNull();
  expect(readSocksGreeting(bytes(5, 2, 2, 0, 5))).toEqual({ value: null, bytes: 4 });
  expect(refusalOf(() => readSocksGreeting(bytes(5, 1, 2)))).toEqual(bytes(5, 0xff));
});

it.each([
  ['CONNECT a.example:443 HTTP/1.1\r\nHost: b\r\n\r\n', { host: 'a.example', port: 443 }, null],
  ['CONNECT [2001:db8::1]:5432 HTTP/1.1\r\n\r\n', { host: '2001:db8::1', port: 5432 }, null],
  [
    'GET http://a.example HTTP/1.1\r\nHost: other\r\nProxy-Connection: keep-alive\r\nX-A: 1\r\n\r\n',
    { host: 'a.example', port: 80 },
    'GET / HTTP/1.1\r\nHost: a.example\r\nX-A: 1\r\nConnection: close\r\n\r\n',
  ],
  [
    'POST http://me:secret@a.example:81?q#x HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n',
    { host: 'a.example', port: 81 },
    'POST /?q HTTP/1.0\r\nHost: a.example:81\r\nContent-Length: 1\r\nConnection: close\r\n\r\n',
  ],
])('HTTP asks by %j', (text, target, head) => {
  expect(readHttpRequest(Buffer.from(`${text}body`))).toEqual({
    value: { target, head },
    bytes: text.length,
  });
  expect(readHttpRequest(Buffer.from(text.slice(0, -1)))).toBeNull();
});

it.each([
  'GET / HTTP/1.1',
  'GET https://a.example/ HTTP/1.1',
  'GET ftp://a.example/ HTTP/1.1',
  'GET http://:80/ HTTP/1.1',
  'GET http://a.example:0/ HTTP/1.1',
  'GET http://a.example:65536/ HTTP/1.1',
  'GET http://[a.example]/ HTTP/1.1',
  'GET http://a.example/ HTTP/2.0',
  'GET http://a.example/\r\nX-Folded: 1\r\n Connection: keep-alive',
  'GET http://a.example/ HTTP/1.1\r\nX-A: 1\nHost: b',
  'CONNECT a.example HTTP/1.1',
  'CONNECT a.example:443/path HTTP/1.1',
  'CONNECT http://a.example:443 HTTP/1.1',
  '',
])('HTTP refuses %j', (text) => {
  const answer = refusalOf(() => readHttpRequest(Buffer.from(`${text}\r\n\r\n`)));
  expect(answer?.toString()).toMatch(/^HTTP\/1\.1 400 /);
});

it('whatever bytes come, a reader wants more, refuses, or names a host and a port', () => {
  const parts = fc.constantFrom(
    'CONNECT ',
    'GET ',
    'http://',
    'a.example',
    '[::1]',
    ':80',
    '@',
    '/',
    '?',
    '#',
    ' HTTP/1.1',
    '\r\n',
    '\r\n\r\n',
    '\n',
    '\0',
    'Host: x',
    '\x05\x01\x00',
    '\x03\x01a\x00\x50',
  );
  const text = fc.array(fc.oneof(parts, fc.string({ maxLength: 4 })), { maxLength: 14 });
  const input = fc.oneof(
    text.map((all) => Buffer.from(all.join(''), 'latin1')),
    fc.uint8Array({ maxLength: 40 }).map((all) => Buffer.from(all)),
  );
  fc.assert(
    fc.property(input, (given) => {
      for (const read of [readHttpRequest, readSocksRequest, readSocksGreeting]) {
        let found: ReturnType<typeof read>;
        try {
          found = read(given);
        } catch (error) {
          expect(error).toBeInstanceOf(ProxyRefusal);
          continue;
        }
        if (found === null) continue;
        expect(found.bytes).toBeLessThanOrEqual(given.length);
        if (found.value === null) continue;
        const target = 'target' in found.value ? found.value.target : found.value;
        expect(target.host.length).toBeGreaterThan(0);
        expect(target.port > 0 && target.port < 65_536).toBe(true);
        if ('head' in found.value) expect(found.value.head ?? '').not.toMatch(/[^\r]\n|\0/);
      }
    }),
    { numRuns: 3_000 },
  );
});

function refusalOf(read: () => unknown): Buffer | null {
  try {
    read();
    return null;
  } catch (error) {
    return (error as ProxyRefusal).answer;
  }
}
