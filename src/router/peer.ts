import { isIP } from 'node:net';
import {
  createAddressList,
  LOOPBACK,
  plainAddress,
  type AddressList,
} from '../std/address-list.ts';

export interface Peer {
  address: string;
  scheme: 'http' | 'https';
}

export interface PeerReader {
  /**
   * Who really sent the request; `X-Forwarded-*` count only when they come from a trusted proxy. `scheme` is that of the
   * connection itself.
   */
  read(
    socketAddress: string | undefined,
    forwarded: { for: string; proto: string },
    scheme?: Peer['scheme'],
  ): Peer;
  /** Whether connections from this address need not be one client's: a trusted proxy's, or this machine's own. */
  standsForMany(address: string): boolean;
}

/** `trustedProxies` are addresses or CIDR ranges. */
export function createPeerReader(trustedProxies: readonly string[]): PeerReader {
  const trusted = createAddressList(trustedProxies);

  return {
    read: (socketAddress, forwarded, scheme = 'http') => {
      const address = plainAddress(socketAddress ?? '');
      if (trustedProxies.length === 0 || !trusted.has(address)) {
        return { address, scheme };
      }
      const told = forwarded.proto.trim().toLowerCase();
      return {
        address: lastUntrusted(trusted, forwarded.for) ?? address,
        scheme: told === 'http' || told === 'https' ? told : scheme,
      };
    },
    standsForMany: (address) => LOOPBACK.has(address) || trusted.has(address),
  };
}

/** The nearest hop that is no proxy of ours: what stands further left may be invented. */
function lastUntrusted(trusted: AddressList, forwardedFor: string): string | null {
  const hops = forwardedFor.split(',').map((hop) => plainAddress(hop.trim()));
  for (const hop of hops.toReversed()) {
    if (isIP(hop) === 0) return null;
    if (!trusted.has(hop)) return hop;
  }
  return null;
}
