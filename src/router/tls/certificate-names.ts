import { wildcardAbove } from '../../model/domain.ts';
import { plainAddress } from '../../std/address-list.ts';
import { formatIpAddress, parseIpAddress } from '../../std/ip-address.ts';

const WILDCARD = '*.';

/** A host as names of certificates are compared: lower case, an address in its one usual spelling. */
export function canonicalHost(host: string): string {
  const address = parseIpAddress(plainAddress(host));
  return address === null ? host.toLowerCase() : formatIpAddress(address);
}

/** The wildcard that covers a host: of its first label alone (RFC 9525 section 6.3). Null for an address or one label. */
export function wildcardOf(host: string): string | null {
  const dot = host.indexOf('.');
  return dot <= 0 || parseIpAddress(host) !== null ? null : wildcardAbove(host);
}

/** Whether a certificate of these names is one for a canonical host. */
export function namesCover(names: ReadonlySet<string>, host: string): boolean {
  if (host.startsWith(WILDCARD)) return false; // No host is called that.
  if (names.has(host)) return true;
  const wildcard = wildcardOf(host);
  return wildcard !== null && names.has(wildcard);
}
