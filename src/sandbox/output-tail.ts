import type { Readable } from 'node:stream';

export interface OutputTail {
  /** What there is so far. */
  text(): string;
  /** Reads what is left without a brake; to be called when the writer has ended. */
  finish(): void;
}

const WINDOW_MS = 1_000;
const BYTES_PER_WINDOW = 256 * 1024;

/**
 * Keeps the last `limitBytes` of a stream that may bring any amount. What comes faster than can be of use waits in
 * the pipe, and its writer with it: otherwise a program that only writes would keep this process as busy as itself.
 */
export function keepTail(stream: Readable, limitBytes: number): OutputTail {
  let tail = Buffer.alloc(0);
  let bytesInWindow = 0;
  let pause: NodeJS.Timeout | null = null;
  let hasFinished = false;

  stream.on('data', (chunk: Buffer) => {
    const recent = chunk.length > limitBytes ? chunk.subarray(-limitBytes) : chunk;
    tail = Buffer.concat([tail, recent]).subarray(-limitBytes);
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

  return {
    text: () => tail.toString('utf8'),
    finish: () => {
      hasFinished = true;
      if (pause !== null) clearTimeout(pause);
      release();
    },
  };
}
