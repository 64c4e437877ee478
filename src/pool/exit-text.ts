import type { SandboxExit } from '../protocol/supervisor.ts';

/** What a caller may read about a worker's end. */
export function describeExit(exit: SandboxExit): string {
  if (exit.signal !== null) return `Worker crashed (${exit.signal})`;
  // A shell's way to tell of a signal, which the sandbox's first process uses too.
  if (exit.code !== null && exit.code > 128) return `Worker crashed (signal ${exit.code - 128})`;
  return exit.code === null ? 'Worker ended' : `Worker exited with code ${exit.code}`;
}

/** The kernel ended it for its memory, or V8 gave up before that and said so. */
export function isOutOfMemory(exit: SandboxExit): boolean {
  return exit.wasOutOfMemory || /heap out of memory|Reached heap limit/.test(exit.stderrTail);
}

export function outOfMemoryText(memoryMib: number): string {
  return `Worker ran out of memory (limit ${memoryMib} MB)`;
}
