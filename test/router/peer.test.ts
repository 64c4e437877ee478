import { describe, expect, it } from 'vitest';
import { createPeerReader } from '../../src/router/peer.ts';

describe('peer', () => {
  it('is the socket address, whatever the headers say', () => {
    const peer = createPeerReader([]).read('::ffff:192.0.2.1', { for: '1.1.1.1', proto: 'https' });
    expect(peer).toEqual({ address: '192.0.2.1', scheme: 'http' });
  });

  it('is whom a trusted proxy names, past other trusted proxies', () => {
    const reader = createPeerReader(['10.0.0.0/8', '::1']);
    const forwarded = { for: '6.6.6.6, 203.0.113.9, 10.1.1.1', proto: 'https' };
    expect(reader.read('10.2.2.2', forwarded)).toEqual({ address: '203.0.113.9', scheme: 'https' });
    expect(reader.read('::1', forwarded)).toEqual({ address: '203.0.113.9', scheme: 'https' });
    expect(reader.read('192.0.2.1', forwarded)).toEqual({ address: '192.0.2.1', scheme: 'http' });
  });

  it('is the proxy itself when it names nobody', () => {
    const reader = createPeerReader(['10.0.0.1']);
    expect(reader.read('10.0.0.1', { for: 'unknown', proto: '' })).toEqual({
      address: '10.0.0.1',
      scheme: 'http',
    });
  });
});
