/**
 * The pool: per function of each deployment, the workers that answer its requests. It keeps zygotes ready, starts
 * workers when requests wait, hands each request to one worker, bounds the waiting, and ends workers that are idle,
 * broken or no longer routed to.
 *
 * It never starts a process (its Sandboxes port does), never reads a request's meaning (the door does), and knows
 * of no host names. Read ports.ts, then function-pool.ts; the decisions are pure and stand in decisions.ts.
 */
export { type AppLimits, appLimitsOf } from './app-load.ts';
export { createBundleCode } from './bundle-code.ts';
export { MAX_WORKERS_PER_FUNCTION } from './decisions.ts';
export { createPool, type Pool } from './pool.ts';
export { NO_CODE_CACHES, openCodeCaches } from './code-caches.ts';
export { maxZygotesOf } from './zygote-demand.ts';
export type { InvocationFailure, Sandbox, Sandboxes } from './ports.ts';
