/**
 * The Node runtime: which files and arguments make a worker and a builder. It never starts anything and never sees a
 * function; the supervisor hands what is described here to the sandbox stage.
 */
export { builderProgram, type BuildSystem } from './builder-program.ts';
export {
  heapFlags,
  NODE_PROBER_FILE,
  nodeProbeProgram,
  nodeWorkerProgram,
} from './worker-program.ts';
