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

/** What a function may use. */
export interface FunctionLimits {
  memoryMib: number;
  timeoutMs: number;
  concurrency: number;
  maxBodyBytes: number;
}

export interface BuildStart {
  appName: string;
  /** For what fn.json leaves out. */
  defaults: FunctionLimits;
  /** What fn.json may ask for at most, so that asking for more is reported with its line. */
  maxima: FunctionLimits;
}

/** The repository as the builder takes it. */
export const MAX_SOURCE_FILES = 20_000;
export const MAX_SOURCE_BYTES = 128 * 1024 * 1024;
export const MAX_SOURCE_PATH_BYTES = 1024;
/** One frame brings the code to a worker, so it stays below MAX_FRAME_BYTES with room for the head. */
export const MAX_CODE_BYTES = 15 * 1024 * 1024;
export const MAX_SOURCE_MAP_BYTES = 48 * 1024 * 1024;
/** Built files of one bundle. */
export const MAX_BUILT_FILES = 16;
/** Problems told to a pusher; more would scroll the first one, the one that matters, away. */
export const MAX_PROBLEMS = 20;

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
  /** What to do about it, where the message alone does not say it. */
  hint?: string;
}

/** A variable that the pusher's own code reads. */
export interface EnvironmentRead {
  name: string;
  file: string;
  /** From 1. */
  line: number;
  /** The code does without it: `process.env.X ?? 'y'`, or a test whether it is there. */
  hasDefault: boolean;
}

/** What the code expects of its environment, for the check before a release. */
export interface EnvironmentNeeds {
  /** At most MAX_ENVIRONMENT_READS, the first of each name. */
  reads: EnvironmentRead[];
  /** `env.required` of app.json. */
  required: string[];
}

export const MAX_ENVIRONMENT_READS = 500;

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
  path?: string;
  methods?: string[];
  convention?: string;
  event?: 'lambda';
}

export type BuildResult =
  | {
      kind: 'built';
      runtime: string;
      functions: BuiltFunction[];
      environment: EnvironmentNeeds;
      warnings: BuildProblem[];
    }
  | { kind: 'failed'; problems: BuildProblem[] };
