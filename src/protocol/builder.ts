/**
 * Control ↔ builder, over the socket that the builder inherits: frames of framing.ts, stream 0.
 *
 *     control                          builder
 *       START  BuildStart      →
 *       TAR    chunk …         →                      git archive, any chunk sizes
 *       TAR_END                →
 *                              ←   LINE  text …       progress for the pusher
 *                              ←   FILE_START  BuiltFile
 *                              ←   FILE  chunk …      its bytes; files come one after the other
 *                              ←   DONE  BuildResult  last
 *
 * The builder runs the tenant's code (its build tools, later its install scripts): control trusts nothing of what
 * comes back and checks names, sizes and counts.
 */
export const BUILDER_FRAME = {
  START: 1,
  TAR: 2,
  TAR_END: 3,
  LINE: 4,
  FILE_START: 5,
  FILE: 6,
  DONE: 7,
} as const;

export interface BuildStart {
  appName: string;
}

export interface BuiltFile {
  /** Relative, `[A-Za-z0-9._-]+` parts joined by `/`. */
  path: string;
  bytes: number;
}

/** One problem that the pusher can mend. */
export interface BuildProblem {
  message: string;
  /** Where, in the repository; null when it is nowhere in particular. Line and column count from 1. */
  at: { file: string; line: number; column: number } | null;
  /** The lines around it with a caret, ready to print; empty when there is no place. */
  frame: string[];
}

export interface BuiltFunction {
  name: string;
  /** Bundle file that is its code. */
  file: string;
  /** Repository file that it was built from. */
  entry: string;
  memoryMib: number;
  timeoutMs: number;
  concurrency: number;
  maxBodyBytes: number;
}

export type BuildResult =
  | { kind: 'built'; runtime: string; functions: BuiltFunction[]; warnings: BuildProblem[] }
  | { kind: 'failed'; problems: BuildProblem[] };
