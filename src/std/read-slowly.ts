import type { Readable } from 'node:stream';

const WINDOW_MS = 1_000;
const BYTES_PER_WINDOW = 256 * 1024;

/**
 * Reads a stream that may bring any amount. What comes faster than can be of use waits in the pipe, and its writer
 * with it: otherwise a program that only writes would keep this process as busy as itself.
 * @returns reads what is left without a brake; to be called when the writer has ended
 */
export function readSlowly(stream: Readable, onChunk: (chunk: Buffer) => void): () => void {
  let bytesInWindow = 0;
  let pause: NodeJS.Timeout | null = null;
  let hasFinished = false;

  stream.on('data', (chunk: Buffer) => {
    onChunk(chunk);
    bytesInWindow += chunk.length;
    if (bytesInWindow >= BYTES_PER_WINDOW && !hasFinished) brake();
  });
  // The end of the process says all that matters.
  stream.on('error', () => {});

  function brake(): void {
    stream.pause();
    pause = setTimeout(release, WINDOW_MS);
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
