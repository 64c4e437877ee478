import { RELAY_FRAME } from './relay-stream.ts';

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
 * Meanwhile, for dependencies:
 *
 *                              ←   NET_OPEN  NetTarget      a connection, on a stream id that is never used again
 *       NET_OPENED             →                            or NET_REFUSED with the reason, which ends the stream
 *       NET_DATA  bytes …      ↔   NET_CREDIT  u32          flow control, see relay-stream.ts
 *       NET_END                ↔                            this side sends no more; both have, or NET_RESET: it is over
 *       NET_RESET              ↔
 *                              ←   CACHE_GET  key           one of BuildStart.caches, when the one before has come
 *       CACHE     chunk …      →   CACHE_END                an empty answer when it could not be read
 *                              ←   CACHE_PUT  key           then CACHE chunk … and CACHE_END: to be kept; two at most
 *                              ←   ACTIVITY  text           what runs from now on, for the message when it takes too long
 *
 * A builder whose first frame is GIT runs git instead, as often as it is told to, and builds nothing; see git-order.ts:
 *
 *       GIT    GitOrder        →
 *                              ←   GIT_END  GitEnd    meanwhile NET frames, as for dependencies
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
  NET_OPEN: RELAY_FRAME.OPEN,
  NET_OPENED: RELAY_FRAME.OPENED,
  NET_REFUSED: RELAY_FRAME.REFUSED,
  NET_DATA: RELAY_FRAME.DATA,
  NET_CREDIT: RELAY_FRAME.CREDIT,
  NET_END: RELAY_FRAME.END,
  NET_RESET: RELAY_FRAME.RESET,
  CACHE_GET: 30,
  CACHE_PUT: 31,
  CACHE: 32,
  CACHE_END: 33,
  ACTIVITY: 34,
  GIT: 40,
  GIT_END: 41,
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
  /** What the app's last build was made from, so that this one makes only what has changed; null for the first. */
  previous: BuildInputs | null;
  /** Where packages come from; the first is the registry of those that name none. Absent: nothing is installed. */
  registries?: string[];
  /** Keys of the dependency caches that this app has, 64 hex digits each. */
  caches?: string[];
  /** Which builder makes what it keeps there; another one makes it anew. */
  builderVersion?: string;
  /** The build-scoped variables. Secret: redacted from every line. */
  buildEnvironment?: Record<string, string>;
  /** For messages: what the sandbox allows, and when it is stopped. */
  memoryMib?: number;
}

export interface NetTarget {
  host: string;
  port: number;
}

/** Connections that a build may have open at a time. */
export const MAX_NET_STREAMS = 64;
/** All that a build may receive and send, over all of its connections. */
export const MAX_NET_BYTES = 1024 * 1024 * 1024;
/** A cache as it travels, compressed. */
export const MAX_CACHE_BYTES = 512 * 1024 * 1024;

/** The repository as the builder takes it. */
export const MAX_SOURCE_FILES = 20_000;
export const MAX_SOURCE_BYTES = 128 * 1024 * 1024;
export const MAX_SOURCE_PATH_BYTES = 1024;
/** One frame brings the code to a worker, so it stays below MAX_FRAME_BYTES with room for the head. */
export const MAX_CODE_BYTES = 15 * 1024 * 1024;
export const MAX_SOURCE_MAP_BYTES = 48 * 1024 * 1024;
/** Files of one bundle: code, source maps, files of packages, public files. */
export const MAX_BUILT_FILES = 20_000;
/** All of them together, as Lambda allows an unpacked package. */
export const MAX_BUNDLE_BYTES = 250 * 1024 * 1024;
/** One name below another. */
export const MAX_BUILT_PATH_PARTS = 32;
export const MAX_BUILT_PATH_BYTES = 1024;
export const MAX_FUNCTIONS = 100;
/** What a function's name is, also as FN_FUNCTION. */
export const FUNCTION_NAME = /^[a-z][a-z0-9-]{0,39}$/;
/** Problems told to a pusher; more would scroll the first one, the one that matters, away. */
export const MAX_PROBLEMS = 20;

export interface BuiltFile {
  /** Relative, parts of any characters but control ones joined by `/`; none is `.` or `..`. */
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
  /** The export that fn.json names. */
  handler?: string;
}

/** One rule of `egress` in fn.json. */
export interface EgressWish {
  /** As `formatEgressRule` writes it. */
  rule: string;
  /** Where it stands in fn.json. */
  line: number;
  column: number;
}

/** A file that the door serves by itself. */
export interface BuiltPublicFile {
  /** The URL's path, percent-decoded: `/assets/app.js`. */
  path: string;
  /** The bundle's file: `public/assets/app.js`. */
  file: string;
  /** Bundle files with the same content, compressed. */
  encodings: { br?: string; gzip?: string };
}

/** The `release:` line of a Procfile: what runs once, before a deployment goes live. */
export interface ReleaseCommand {
  /** The repository file that it names, for messages. */
  entry: string;
  /** The bundle's file that is its code, built as a function is. */
  file: string;
  args: string[];
}

/**
 * What the code of a bundle was made from. A later build compares it with what it finds, and a unit of which all is
 * alike is not made again. It comes back from the sandbox of the same app only, and decides about nothing else.
 */
export interface BuildInputs {
  /** Repository files by path. */
  files: { path: string; sha256: string }[];
  units: BuildUnit[];
  trace: PackageTrace | null;
}

/** One code file of a bundle with its source map, `<file>.map`. */
export interface BuildUnit {
  file: string;
  /** sha256 of all but files that shapes it: entry, handler, dependencies. */
  settings: string;
  /** Indexes into `files`. */
  inputs: number[];
  /** sha256 of what is beside the inputs and would change what their imports lead to. */
  surroundings: string;
  /** Repository files by which it requires packages that stay outside the code. */
  packages: string[];
}

/** The files that packages outside the code need, found once for what they were found in. */
export interface PackageTrace {
  /** sha256 of all that decides about them. */
  state: string;
  /** Repository files. */
  files: string[];
}

/** More is not recorded, and then built again each time. */
export const MAX_RECORDED_FILES = 20_000;
export const MAX_RECORDED_INPUTS = 200_000;
/** As JSON, so that the frame that tells the next build of it has room for the rest. */
export const MAX_RECORDED_BYTES = 8 * 1024 * 1024;

export type BuildResult =
  | {
      kind: 'built';
      runtime: string;
      /** None for a site of public files alone. */
      functions: BuiltFunction[];
      environment: EnvironmentNeeds;
      /** `env` of fn.json. */
      variables?: Record<string, string>;
      egress?: EgressWish[];
      /** `domains` of fn.json. */
      domains?: string[];
      publicFiles: BuiltPublicFile[];
      releaseCommand: ReleaseCommand | null;
      /** Units of the previous build that are unchanged: control takes their code and source maps from its bundle. */
      reused: string[];
      inputs: BuildInputs | null;
      warnings: BuildProblem[];
    }
  | { kind: 'failed'; problems: BuildProblem[] };
