import type { Readable } from 'node:stream';

/** Keeps the last `limitBytes` of a stream that may bring any amount; `text()` is what there is so far. */
export function keepTail(stream: Readable, limitBytes: number): { text(): string } {
  let tail = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    const recent = chunk.length > limitBytes ? chunk.subarray(-limitBytes) : chunk;
    tail = Buffer.concat([tail, recent]).subarray(-limitBytes);
  });
  // The end of the process says all that matters.
  stream.on('error', () => {});
  return { text: () => tail.toString('utf8') };
}
