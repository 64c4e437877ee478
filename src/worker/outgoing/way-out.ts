import type { ConnectTarget } from '../../protocol/egress-channel.ts';

/** How a thread of a sandbox without a network connects outwards. */
export interface WayOut {
  /** Of this sandbox's loopback, where its connections go in. */
  port(): number;
  /** Connects, and gives the address of the loopback that leads to this connection, once. @throws as node:net */
  reach(target: ConnectTarget): Promise<Reached>;
  /** The socket of an address has ended, or never came. */
  forget(inside: string): void;
  /** Addresses of a name. @throws as node:dns */
  lookUp(host: string): Promise<string[]>;
  /** A name server on this sandbox's loopback, as `dns.setServers` takes it. */
  nameServer(): string;
}

export interface Reached {
  inside: string;
  /** To which the connection leads. */
  address: string;
}
