/**
 * Who is at the other end of a request that data hands on to control or the git front. Data sets both headers and
 * drops what a client sends under these names; only sockets that data alone can reach may trust them.
 */
import { controlUrl, type PublicAddress } from '../model/address.ts';
import { LOOPBACK } from '../std/address-list.ts';

export const PEER_ADDRESS_HEADER = 'x-gitfn-peer-address';
/** `https`, or `http` for everything else. */
export const PEER_SCHEME_HEADER = 'x-gitfn-peer-scheme';

/**
 * Whether a client may send a token over its connection: TLS, or this very machine. To be asked before any 401, or
 * the client would send its token in clear.
 */
export function isPrivateConnection(
  headers: Record<string, string | string[] | undefined>,
): boolean {
  if (headers[PEER_SCHEME_HEADER] === 'https') return true;
  return LOOPBACK.has(peerAddress(headers));
}

/** Where a request came from, as the door says; empty for one that did not come by it. */
export function peerAddress(headers: Record<string, string | string[] | undefined>): string {
  const header = headers[PEER_ADDRESS_HEADER];
  return typeof header === 'string' ? header : '';
}

/** How to mend it, for whoever is refused. */
export function privateConnectionHint(address: PublicAddress): string {
  const use = address.scheme === 'https' ? controlUrl(address) : 'the https address';
  return `use ${use}; behind a proxy that ends TLS, list its address in FN_TRUSTED_PROXIES and let it send X-Forwarded-Proto: https`;
}
