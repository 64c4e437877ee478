import type { Readable } from 'node:stream';
import { readSlowly } from './read-slowly.ts';

export interface OutputTail {
  /** What there is so far. */
  text(): string;
  /** Reads what is left without a brake; to be called when the writer has ended. */
  finish(): void;
}

/** Nobody reads more than the end of it. */
const PACE = { bytes: 256 * 1024, perMs: 1_000 };

/** Keeps the last `limitBytes` of a stream that may bring any amount. */
export function keepTail(stream: Readable, limitBytes: number): OutputTail {
  const tail = new Tail(limitBytes);
  const finish = readSlowly(stream, PACE, (chunk) => tail.push(chunk));
  return { text: () => tail.text(), finish };
}

export class Tail {
  readonly #limitBytes: number;
  #bytes = Buffer.alloc(0);

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Returns its length. */
  push(chunk: Buffer): number {
    const recent = chunk.subarray(-this.#limitBytes);
    this.#bytes = Buffer.concat([this.#bytes, recent]).subarray(-this.#limitBytes);
    return chunk.length;
  }

  text(): string {
    return this.#bytes.toString('utf8');
  }
}
