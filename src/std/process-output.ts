/**
 * The lines that a process writes to its standard output and error. It may write any amount: what comes faster than
 * can be of use waits in its pipes, what is more lines than anybody reads is counted, and a long line is cut.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { OutputLineReader, type OutputLine } from './output-line-reader.ts';
import { Tail } from './output-tail.ts';
import { readSlowly } from './read-slowly.ts';

/** Of standard error, for whoever asks why a process died. */
const TAIL_BYTES = 4 * 1024;
/** Whoever prints more waits; a function that does must still come to its end within its time. */
const PACE = { bytes: 1024 * 1024, perMs: 100 };
/** A process that inherited a stream may outlive the one that is waited for by the time that its namespace takes. */
const END_GRACE_MS = 500;

export interface ProcessOutput {
  /** From now on lines go there; what came before is in the tail at most. */
  listen(listener: OutputListener): void;
  /** To be called when the process has ended: tells what is left, and resolves to the last of its standard error. */
  finish(): Promise<string>;
}

export type OutputListener = (source: 'stdout' | 'stderr', line: OutputLine) => void;

export function readProcessOutput(stdout: Readable, stderr: Readable): ProcessOutput {
  let listener: OutputListener = () => {};
  const out = new OutputLineReader((line) => listener('stdout', line));
  const err = new OutputLineReader((line) => listener('stderr', line));
  const tail = new Tail(TAIL_BYTES);
  const finishStdout = readSlowly(stdout, PACE, (chunk) => out.push(chunk));
  const finishStderr = readSlowly(stderr, PACE, (chunk) => {
    tail.push(chunk);
    return err.push(chunk);
  });
  return {
    listen: (next) => void (listener = next),
    async finish() {
      finishStdout();
      finishStderr();
      const ended = Promise.all([streamEnd(stdout), streamEnd(stderr)]);
      await Promise.race([ended, delay(END_GRACE_MS, undefined, { ref: false })]);
      for (const stream of [stdout, stderr]) stream.destroy();
      for (const reader of [out, err]) reader.finish();
      return tail.text();
    },
  };
}

/** Resolves when nothing more will be read of it. */
export function streamEnd(stream: Readable): Promise<void> {
  if (stream.closed) return Promise.resolve();
  return new Promise((resolve) => void stream.once('close', resolve));
}
