import type { DnsAnswer, DnsLookup } from '../std/dns-lookup.ts';

/** DNS as the machine, or FN_DNS_SERVERS, sees it. */
export type DomainLookup = Pick<DnsLookup, 'txt' | 'cname' | 'addresses'>;

/** The name servers of zones themselves: a resolver that has heard of no record remembers that for a while. */
export interface NameServersPort {
  /** Those that keep the name, each with the addresses at which it may be asked; none where they cannot be found out. */
  find(name: string, signal: AbortSignal): Promise<NameServer[]>;
  txt(server: NameServer, name: string, signal: AbortSignal): Promise<DnsAnswer<string>>;
  cname(server: NameServer, name: string, signal: AbortSignal): Promise<DnsAnswer<string>>;
}

export interface NameServer {
  nameServer: string;
  /** At least one. */
  addresses: string[];
}

/** Makes and renews the certificates of verified domains. */
export interface CertificatesPort {
  /** The verified domains have changed. */
  lookAgain(): void;
  /** What has failed for this name is tried again now, as often as that does no harm. */
  retry(name: string): Promise<void>;
  /** Of all that there shall be; none where there is no HTTPS. */
  status(): Promise<CertificateState[]>;
}

export interface CertificateState {
  names: string[];
  /** Null: the platform's own. */
  appId: string | null;
  state: 'valid' | 'pending' | 'failing' | 'at-risk' | 'expired';
  /** Milliseconds since 1970; null when there is none. */
  notAfter: number | null;
  problem: { message: string; hint: string } | null;
}

/** The route snapshot. */
export interface RoutesPort {
  /** Resolves when each live data process routes by what was committed before the call. */
  publish(): Promise<void>;
}
