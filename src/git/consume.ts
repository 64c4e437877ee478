import type { Readable } from 'node:stream';

/** Reads to the end, or to the failure, of a stream that nobody wants any more. */
export function consume(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.readableEnded || stream.destroyed) return resolve();
    stream
      .on('end', resolve)
      .on('error', () => resolve())
      .on('close', resolve);
    stream.resume();
  });
}
