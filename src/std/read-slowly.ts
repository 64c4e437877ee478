import type { Readable } from 'node:stream';

export interface Pace {
  bytes: number;
  perMs: number;
}

/**
 * Reads a stream that may bring any amount. What comes faster than can be of use waits in the pipe, and its writer
 * with it: otherwise a program that only writes would keep this process as busy as itself.
 * @param onChunk returns what the chunk cost, in bytes
 * @returns reads what is left without a brake; to be called when the writer has ended
 */
export function readSlowly(
  stream: Readable,
  pace: Pace,
  onChunk: (chunk: Buffer) => number,
): () => void {
  let bytesInWindow = 0;
  let pause: NodeJS.Timeout | null = null;
  let hasFinished = false;

  stream.on('data', (chunk: Buffer) => {
    bytesInWindow += onChunk(chunk);
    if (bytesInWindow >= pace.bytes && !hasFinished) brake();
  });
  // The end of the process says all that matters.
  stream.on('error', () => {});

  function brake(): void {
    stream.pause();
    pause = setTimeout(release, pace.perMs);
    pause.unref();
  }

  function release(): void {
    bytesInWindow = 0;
    stream.resume();
  }

  return () => {
    hasFinished = true;
    if (pause !== null) clearTimeout(pause);
    release();
  };
}
