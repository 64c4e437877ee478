import { parse } from 'tldts';

/** Whether anybody may register names below it (`com`, `co.uk`), so that it is nobody's own: publicsuffix.org. */
export function isPublicSuffix(host: string): boolean {
  return parse(host).publicSuffix === host;
}

/** Whether it is the name that was registered: beside its other records DNS allows it no CNAME (RFC 1912, 2.4). */
export function isApex(host: string): boolean {
  return parse(host).domain === host;
}
