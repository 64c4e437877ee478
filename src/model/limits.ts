/** What a function may use unless its fn.json says otherwise; the operator's ceilings are in the configuration. */
export const DEFAULT_LIMITS = {
  memoryMib: 128,
  timeoutMs: 30_000,
  /** Invocations that one worker takes at a time. */
  concurrency: 32,
  maxBodyBytes: 100 * 1024 * 1024,
} as const;
/** In less no runtime boots: neither a function nor a build may ask for it. */
export const MIN_MEMORY_MIB = 32;

/** No operator can allow more than this. */
export const MAX_BODY_BYTES_CEILING = 5 * 1024 ** 3;
export const MAX_CONCURRENCY = 1_000;
/** What a release command gets when none of the deployment's functions has more: tools for databases want it. */
export const RELEASE_COMMAND_MEMORY_MIB = 256;
export const RELEASE_COMMAND_TIMEOUT_MS = 5 * 60_000;
/** Branches and tags that one push may create or move, each a deployment with workers of its own. */
export const MAX_REFS_PER_PUSH = 20;
/** Each is written down, and its host taken away. */
export const MAX_DELETIONS_PER_PUSH = 200;
