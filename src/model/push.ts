/** How a push ended. Only `succeeded` has changed what is served. */
export const PUSH_OUTCOMES = [
  'succeeded',
  /** By policy, before anything was built. */
  'refused',
  'build-failed',
  /** Built, but the code does not start, or another push of the ref was faster. */
  'release-failed',
  /** By a newer push of the same ref. */
  'superseded',
  /** By a person, or because its connection broke before git had it. */
  'cancelled',
  /** By the platform's fault. */
  'failed',
] as const;
export type PushOutcome = (typeof PUSH_OUTCOMES)[number];
