import type { SealedKeyPlace } from '../store/sealed-keys.ts';
import type { SealedKeyColumns } from '../store/certificates.ts';

/** What orders need of the rest: names and records in DNS, who sets them, who looks before an order, who serves. */
export type ChallengeKind = 'http-01' | 'tls-alpn-01' | 'dns-01';

/** One certificate that shall exist. */
export interface WantedCertificate {
  /** 1 to 100 DNS names, or one IP address. The first names the row in the schedule. */
  names: string[];
  /** Null: the platform's own. */
  appId: string | null;
}

/** A certificate authority, and where orders are rehearsed that failed there. */
export interface AcmeDirectorySetting {
  url: string;
  stagingUrl: string | null;
}

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

/** How a name of an order shall be proven. */
export interface PlannedProof {
  name: string;
  challenge: ChallengeKind;
}

/** Looks before an order whether it can succeed, so that none is wasted. */
export interface PreCheck {
  /** Null: go on. The first of the names is that of the schedule's row. Never throws for what a name's owner can mend. */
  check(
    planned: readonly PlannedProof[],
    authority: { caaNames: readonly string[]; accountUrl: string },
    signal: AbortSignal,
  ): Promise<PreCheckFinding | null>;
}

export interface PreCheckFinding {
  code: 'unknown-name' | 'points-elsewhere' | 'caa-forbids' | 'dns-failed';
  message: string;
  hint: string;
}

/** Makes what is in the database what data serves. */
export interface CertificatePublisher {
  /** Resolves when every new handshake and challenge uses all that was committed before the call. */
  publish(): Promise<void>;
}

/** A TXT record that answers a challenge, kept until it is taken away. */
export interface ServedDnsChallenge extends TxtRecord {
  kind: 'dns-01';
}

/** Private keys as they lie in the database. */
export interface KeyBoxPort {
  /** Encrypts a key in PEM for `store`, which has stored it when it resolves. */
  seal<T>(
    owner: KeyOwner,
    key: string,
    store: (sealed: SealedKeyColumns) => Promise<T>,
  ): Promise<T>;
  open(owner: KeyOwner, sealed: SealedKeyColumns): string;
}

interface KeyOwner {
  place: SealedKeyPlace;
  id: string;
}

/** The sealed key of each certificate that is served, a file each. */
export interface SealedKeysPort {
  seal(id: string, key: string): Promise<void>;
  list(): Promise<string[]>;
  remove(ids: string[]): Promise<void>;
}
