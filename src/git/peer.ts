import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { Refusal } from './refusal.ts';

/** Decides whether a client may send a token over the connection that it has. */
export interface PeerCheck {
  /** @throws Refusal 403 that says how to mend it; before any 401, or git would send the token in clear */
  requirePrivate(headers: IncomingHttpHeaders): void;
}

/** @param trustedProxies addresses, or networks as `10.0.0.0/8` */
export function createPeerCheck(trustedProxies: string[]): PeerCheck {
  const trusted = blockListOf(trustedProxies);
  const loopback = blockListOf(['127.0.0.0/8', '::1']);
  return {
    requirePrivate(headers) {
      // Both are set by the data process, which drops what a client sends under these names.
      const address = plainAddress(headers['x-gitfn-peer-address']);
      const isTls = headers['x-gitfn-peer-scheme'] === 'https';
      const forwarded = headers['x-forwarded-proto'];
      const isProxied = contains(trusted, address) && forwarded !== undefined;
      const isPrivate = isProxied ? forwarded === 'https' : isTls || contains(loopback, address);
      if (!isPrivate) throw new Refusal(403, REASON);
    },
  };
}

const REASON = [
  'tokens are not accepted over plain http: anyone on the way could read them.',
  'Use the https address. Behind a proxy that ends TLS, list its address in FN_TRUSTED_PROXIES and let it send',
  'X-Forwarded-Proto: https.',
].join('\n');

/** IPv4 in IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address; anything odd is no address. */
function plainAddress(header: string | string[] | undefined): string {
  if (typeof header !== 'string') return '';
  const address = header.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(address) === 0 ? '' : address;
}

function contains(list: BlockList, address: string): boolean {
  return address !== '' && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function blockListOf(networks: string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
