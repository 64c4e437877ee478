import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { keepTail } from '../std/output-tail.ts';
import { streamEnd } from '../std/process-output.ts';

const STDERR_TAIL_BYTES = 4 * 1024;
/** A process that inherited stderr may outlive the program by the time that its namespace takes to end. */
const STDERR_GRACE_MS = 500;

interface Streams {
  stderr: Socket;
  /** Set when both are for another process. */
  output: object | null;
}

/** To be called when the program has ended: gives the last of its standard error, when that is read here. */
export function readLastWords({ stderr, output }: Streams): () => Promise<string> {
  if (output !== null) return async () => '';
  const tail = keepTail(stderr, STDERR_TAIL_BYTES);
  return async () => {
    tail.finish();
    await Promise.race([streamEnd(stderr), delay(STDERR_GRACE_MS)]);
    stderr.destroy();
    return tail.text();
  };
}
