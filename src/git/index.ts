/**
 * The git front: takes pushes and fetches over git's smart HTTP protocol and over SSH (ssh/), and owns the repositories and every git
 * process. It never decides who may do what, what is built or what is live (control does), and it believes nothing
 * that a client says: each request is authenticated and checked before the engine sees it (guard.ts, exchange.ts),
 * and what a push may change is decided in git's own pre-receive hook, when its objects are still in quarantine
 * (hook-server.ts, receive-hooks.ts). Read engine.ts next, then control-calls.ts for what control asks of it.
 */
export { adoptEnvironment, prepareGitEnvironment } from './git-environment.ts';
export { createGitFront } from './git-front.ts';
export { DEFAULT_LIMITS } from './limits.ts';
