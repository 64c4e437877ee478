import { isIP } from 'node:net';
import { getDomain } from 'tldts';

/**
 * What a certificate authority counts a name by: the part that somebody has registered, by the public suffix list
 * (publicsuffix.org), private suffixes among them. An address counts for itself, as does a name that is itself a suffix.
 */
export function registeredDomain(name: string): string {
  if (isIP(name) !== 0) return name;
  const host = name.replace(/^\*\./, '');
  return getDomain(host, { allowPrivateDomains: true, validateHostname: false }) ?? host;
}
