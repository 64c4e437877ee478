import { BlockList, isIP } from 'node:net';

export interface Peer {
  address: string;
  scheme: 'http' | 'https';
}

export interface PeerReader {
  /** Who really sent the request; `X-Forwarded-*` count only when they come from a trusted proxy. */
  read(socketAddress: string | undefined, forwarded: { for: string; proto: string }): Peer;
}

/** `trustedProxies` are addresses or CIDR ranges. */
export function createPeerReader(trustedProxies: readonly string[]): PeerReader {
  const trusted = new BlockList();
  for (const entry of trustedProxies) addRange(trusted, entry);

  return {
    read: (socketAddress, forwarded) => {
      const address = plainAddress(socketAddress ?? '');
      if (trustedProxies.length === 0 || !isTrusted(trusted, address)) {
        return { address, scheme: 'http' };
      }
      const scheme = forwarded.proto.trim().toLowerCase() === 'https' ? 'https' : 'http';
      return { address: lastUntrusted(trusted, forwarded.for) ?? address, scheme };
    },
  };
}

/** The nearest hop that is no proxy of ours: what stands further left may be invented. */
function lastUntrusted(trusted: BlockList, forwardedFor: string): string | null {
  const hops = forwardedFor.split(',').map((hop) => plainAddress(hop.trim()));
  for (const hop of hops.toReversed()) {
    if (isIP(hop) === 0) return null;
    if (!isTrusted(trusted, hop)) return hop;
  }
  return null;
}

function isTrusted(trusted: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** IPv4 as such, also when a dual-stack socket wraps it into IPv6. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

function addRange(list: BlockList, entry: string): void {
  const [address = '', bits] = entry.split('/');
  const type = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  if (bits === undefined) list.addAddress(address, type);
  else list.addSubnet(address, Number(bits), type);
}
