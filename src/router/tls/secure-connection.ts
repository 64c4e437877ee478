import type { Duplex } from 'node:stream';
import { canonicalHost, namesCover } from './certificate-names.ts';

type Names = ReadonlySet<string>;

/**
 * What is known of a connection over TLS: for which hosts the certificate is one that it began with. Requests for any other
 * are answered with 421 (RFC 9110 section 15.5.20): who could be asked for them has shown no certificate for them.
 */
export class SecureConnection {
  readonly #namesFor: (host: string) => Names | null;
  #names: Names | null;
  /** Of the last request that was for one of them: mostly that of the next as well. */
  #lastHost = '';

  /**
   * `names` is null for a session of TLS 1.2 that goes on: its server name is not known then, but a client may only go on
   * with it for the same one (RFC 6066 section 3). So its first request says which it is, and no later one may differ.
   */
  constructor(names: Names | null, namesFor: (host: string) => Names | null) {
    this.#names = names;
    this.#namesFor = namesFor;
  }

  /** `host` is in lower case, without port. */
  covers(host: string): boolean {
    if (host === this.#lastHost) return true;
    const canonical = canonicalHost(host);
    this.#names ??= this.#namesFor(canonical);
    if (this.#names === null || !namesCover(this.#names, canonical)) return false;
    this.#lastHost = host;
    return true;
  }
}

const connections = new WeakMap<Duplex, SecureConnection>();

/** Null for a connection that is not encrypted. */
export function secureConnectionOf(socket: Duplex): SecureConnection | null {
  return connections.get(socket) ?? null;
}

export function markSecure(socket: Duplex, connection: SecureConnection): void {
  connections.set(socket, connection);
}
