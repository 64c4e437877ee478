import { isIP } from 'node:net';
import type { ChallengeKind } from '../ports.ts';

/** What is possible here. */
export interface ChallengeMeans {
  hasDnsProvider: boolean;
  /** It is below the base domain, whose zone the provider has; that of others it may have or not. */
  isOwn: boolean;
  /** Attempts for this name that have failed since the last that succeeded. */
  failures: number;
}

/**
 * How a name can be proven, the best first. A wildcard needs DNS (RFC 8555 section 8.4, CA/Browser Forum 3.2.2.4.7), and an
 * address has none (RFC 8738 section 7). http-01 and tls-alpn-01 take turns, since often one of the two ports alone leads
 * here; http-01 is first, because proxies that end TLS before us let it through.
 */
export function possibleChallenges(name: string, means: ChallengeMeans): ChallengeKind[] {
  if (name.startsWith('*.')) return means.hasDnsProvider ? ['dns-01'] : [];
  const byPort: ChallengeKind[] = ['http-01', 'tls-alpn-01'];
  if (means.failures % 2 === 1) byPort.reverse();
  const isSet = means.hasDnsProvider && means.isOwn && isIP(name) === 0;
  return isSet ? ['dns-01', ...byPort] : byPort;
}
