/** What orders need of the rest: names and records in DNS, who sets them, who looks before an order. */
export type ChallengeKind = 'http-01' | 'tls-alpn-01' | 'dns-01';

export interface TxtRecord {
  /** Of the record itself, such as `_acme-challenge.example.com`. */
  name: string;
  value: string;
}

/** Sets the TXT records of dns-01. */
export interface DnsProvider {
  readonly name: string;
  /** Adds a value; other values of the name stay. No harm where it is there already. */
  add(record: TxtRecord, signal: AbortSignal): Promise<void>;
  /** Takes this value away; no harm where it is not there. */
  remove(record: TxtRecord, signal: AbortSignal): Promise<void>;
}
