/**
 * The parent side of builds: decides whether a commit must be built, waits for a turn, streams the source into a
 * sandboxed builder, and takes back a checked bundle or a list of problems for the pusher. It never looks into the
 * source, never runs it, and trusts nothing that a builder says. Read `builds.ts` first, then `run-builder.ts`;
 * the other end is src/builder.
 */
export { createBuilds, type Builds, type BuildCommitAnswer } from './builds.ts';
export { createDependencyCache } from './dependency-cache.ts';
export { describeProblems, describeWarnings } from './describe-problems.ts';
export { createRegistryProxy } from './registry-proxy.ts';
export { explainStack } from './explain-stack.ts';
export { resolveStack, rewriteStack } from './resolve-stack.ts';
export type { BuilderProcess, BuildRecords, StartBuilder } from './ports.ts';
