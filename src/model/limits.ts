/** What a function may use unless its fn.json says otherwise; the operator's ceilings are in the configuration. */
export const DEFAULT_MEMORY_MIB = 128;
export const DEFAULT_TIMEOUT_MS = 30_000;
/** Invocations that one worker takes at a time. */
export const DEFAULT_CONCURRENCY = 32;
export const DEFAULT_MAX_BODY_BYTES = 100 * 1024 * 1024;

/** No operator can allow more than this. */
export const MAX_BODY_BYTES_CEILING = 5 * 1024 ** 3;
export const MAX_CONCURRENCY = 1_000;
/** Distinct new tips that one push may deploy. */
export const MAX_TIPS_PER_PUSH = 20;
