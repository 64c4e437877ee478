import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { readClientHello } from '../../../src/router/tls/client-hello.ts';
import { firstMessage } from '../../support/client-hello.ts';

let hello: Buffer;
beforeAll(async () => {
  hello = await firstMessage('a.test', { ALPNProtocols: ['acme-tls/1'] });
});

describe('the first message of a client', () => {
  it('names the server and the protocols', async () => {
    const parsed = { kind: 'hello', serverName: 'a.test', protocols: ['acme-tls/1'] };
    expect(readClientHello(hello)).toEqual(parsed);
    const plain = await firstMessage('', { maxVersion: 'TLSv1.2' });
    expect(readClientHello(plain)).toEqual({ kind: 'hello', serverName: null, protocols: [] });
  });

  it('is waited for until it is there', () => {
    for (let bytes = 0; bytes < hello.length; bytes++) {
      expect(readClientHello(hello.subarray(0, bytes)).kind).toBe('partial');
    }
  });

  it('is none in what is no TLS, or in what announces more than there is', () => {
    expect(readClientHello(Buffer.from('GET / HTTP/1.1\r\n')).kind).toBe('other');
    const isServers = Buffer.from(hello);
    isServers[5] = 2;
    expect(readClientHello(isServers).kind).toBe('other');
    const isLonger = Buffer.from(hello);
    isLonger.writeUIntBE(hello.length, 6, 3);
    expect(readClientHello(isLonger).kind).toBe('other');
  });

  it('is read or refused, whatever bytes come', () => {
    const kinds = ['hello', 'other', 'partial'];
    fc.assert(
      fc.property(fc.nat(hello.length - 1), fc.nat(255), fc.nat(255), (at, value, other) => {
        const changed = Buffer.from(hello);
        changed[at] = value;
        changed[(at + 1) % changed.length] = other;
        expect(kinds).toContain(readClientHello(changed).kind);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(kinds).toContain(readClientHello(Buffer.from(bytes)).kind);
      }),
    );
  });
});
