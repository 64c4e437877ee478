import { EventEmitter } from 'node:events';
import type { InvokeHead } from '../../protocol/invoke.ts';

/** What a connection of ours would have; code that asks only decides by it when to pause. */
const HIGH_WATER_BYTES = 64 * 1024;
const ANY_PORT = 0;

/**
 * The `socket` of a request that came by frames: the facts of the connection that code asks for, and the event of its
 * end. There is nothing to read from it or write to it. Node's own ServerResponse uses some of its private fields.
 */
export class ExchangeSocket extends EventEmitter {
  readonly remoteAddress: string;
  readonly remoteFamily: 'IPv4' | 'IPv6';
  readonly remotePort = ANY_PORT;
  readonly localAddress = '127.0.0.1';
  readonly localPort = ANY_PORT;
  /** As on a TLS socket: whether the client's connection is encrypted. */
  readonly encrypted: boolean;
  readonly readableHighWaterMark = HIGH_WATER_BYTES;
  readonly writableHighWaterMark = HIGH_WATER_BYTES;
  readonly connecting = false;
  readonly _writableState = { corked: 0 };
  writableLength = 0;
  writableCorked = 0;
  readable = true;
  writable = true;
  destroyed = false;
  errored: Error | null = null;
  /** The server that listens, where there is one. */
  server: unknown;
  readonly #onDestroyed: (error: Error | null) => void;

  constructor(head: InvokeHead, onDestroyed: (error: Error | null) => void) {
    super();
    this.remoteAddress = head.peer;
    this.remoteFamily = head.peer.includes(':') ? 'IPv6' : 'IPv4';
    this.encrypted = head.scheme === 'https';
    this.#onDestroyed = onDestroyed;
  }

  /** The function gives up its request. */
  destroy(error?: Error): this {
    if (!this.destroyed) this.#onDestroyed(error ?? null);
    return this;
  }

  /** The client has gone, or the exchange has failed. */
  close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.readable = false;
    this.writable = false;
    this.emit('close', false);
  }

  address(): { address: string; family: string; port: number } {
    return { address: this.localAddress, family: 'IPv4', port: this.localPort };
  }

  cork(): void {
    this.writableCorked++;
  }

  uncork(): void {
    this.writableCorked = Math.max(0, this.writableCorked - 1);
  }

  // What follows concerns the connection, which is the platform's.

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }
}
