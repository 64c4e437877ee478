import { constants } from 'node:os';
import type { SandboxExit } from '../protocol/supervisor.ts';

const CRASHES = ['SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV'] as const;
/** A shell's way to tell of a signal, which the sandbox's first process uses too. */
const SIGNAL_STATUS = 128;

/** What a caller may read about a worker's end. */
export function describeExit(exit: SandboxExit): string {
  if (exit.signal !== null) return `Worker crashed (${exit.signal})`;
  if (exit.code !== null && exit.code > SIGNAL_STATUS) {
    return `Worker crashed (signal ${exit.code - SIGNAL_STATUS})`;
  }
  return exit.code === null ? 'Worker ended' : `Worker exited with code ${exit.code}`;
}

/** A fault of its own, and nobody's wish. */
export function isCrash(exit: SandboxExit): boolean {
  return CRASHES.some(
    (signal) => exit.signal === signal || exit.code === SIGNAL_STATUS + constants.signals[signal],
  );
}

/** The kernel ended it for its memory, or V8 gave up before that and said so. */
export function isOutOfMemory(exit: SandboxExit): boolean {
  return exit.wasOutOfMemory || /heap out of memory|Reached heap limit/.test(exit.stderrTail);
}

export function outOfMemoryText(memoryMib: number): string {
  return `Worker ran out of memory (limit ${memoryMib} MB)`;
}
