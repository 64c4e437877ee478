import type { Readable } from 'node:stream';
import { readSlowly } from './read-slowly.ts';

export interface OutputTail {
  /** What there is so far. */
  text(): string;
  /** Reads what is left without a brake; to be called when the writer has ended. */
  finish(): void;
}

/** Keeps the last `limitBytes` of a stream that may bring any amount. `onChunk` gets all that is read. */
export function keepTail(
  stream: Readable,
  limitBytes: number,
  onChunk?: (chunk: Buffer) => void,
): OutputTail {
  let tail = Buffer.alloc(0);
  const finish = readSlowly(stream, (chunk) => {
    const recent = chunk.length > limitBytes ? chunk.subarray(-limitBytes) : chunk;
    tail = Buffer.concat([tail, recent]).subarray(-limitBytes);
    onChunk?.(chunk);
  });
  return { text: () => tail.toString('utf8'), finish };
}
