/** What DNS says of a name. Every call has a deadline; what could not be asked is an answer. */
export interface DnsLookup {
  /** Each value with its strings put together (RFC 7208 section 3.3). */
  txt(name: string): Promise<DnsAnswer<string>>;
  /** The alias itself, one step. */
  cname(name: string): Promise<DnsAnswer<string>>;
  /** IPv4 and IPv6, behind however many aliases. */
  addresses(name: string): Promise<DnsAnswer<string>>;
}

export type DnsAnswer<T> =
  | { kind: 'found'; values: T[] }
  /** The name is there, without such a record. */
  | { kind: 'none' }
  | { kind: 'unknown-name' }
  | { kind: 'failed'; reason: string };

/** Makes and renews the certificates of verified domains. */
export interface CertificatesPort {
  /** The verified domains have changed. */
  lookAgain(): void;
}

/** The route snapshot. */
export interface RoutesPort {
  /** Resolves when each live data process routes by what was committed before the call. */
  publish(): Promise<void>;
}
