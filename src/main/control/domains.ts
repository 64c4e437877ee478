/** The domains of apps, as control has them. */
import type { Audit } from '../../audit/index.ts';
import {
  type CertificatesPort,
  createDomainChecks,
  createDomains,
  type Domains,
} from '../../domains/index.ts';
import type { Clock } from '../../std/clock.ts';
import { createDnsLookup } from '../../std/dns-lookup.ts';
import { KeyedMutex } from '../../std/mutex.ts';
import type { Database } from '../../store/database.ts';
import { createNameServers } from './name-servers.ts';
import type { ControlOptions } from '../process/start-options.ts';

interface Deps {
  db: Database;
  clock: Clock;
  routes: { publish(): Promise<void> };
  certificates: CertificatesPort;
  audit: Audit;
  onError: (error: unknown) => void;
}

export interface ControlDomains {
  registry: Domains;
  /** Asks DNS when the time of a domain has come, until the signal aborts. */
  start(signal: AbortSignal): void;
}

export function createControlDomains(
  deps: Deps,
  { address, dnsServers }: Pick<ControlOptions, 'address' | 'dnsServers'>,
): ControlDomains {
  const dns = createDnsLookup({ servers: dnsServers });
  const nameServers = createNameServers(dns);
  const checks = createDomainChecks({ ...deps, dns, nameServers, address });
  const registry = createDomains({ ...deps, checks, address, locks: new KeyedMutex() });
  return { registry, start: (signal) => checks.start(signal) };
}
