/** What each kind of sandbox gets of the machine beside the memory that was asked for. */
import type { SandboxLimits } from '../../../sandbox/index.ts';

export type SandboxKind = 'zygote' | 'builder';

/** A whole core for the code, and a half for what its runtime does beside it: compile, collect garbage. */
const MIN_CORES = 1.5;
/** As with AWS Lambda: a function with twice as much has two cores. */
const MIB_PER_CORE = 1_769;
/** Of a builder's memory; what a build unpacks and installs lies in /tmp. */
const BUILDER_TMP_SHARE = 3 / 4;

const FUNCTION_TASKS = 128;
const FUNCTION_TMP_MIB = 64;
/** Package managers and bundlers start threads by the dozen. */
const BUILDER_TASKS = 512;

/** Until it is an app's: those that the pool boots at a time weigh together as much as one app. */
const ZYGOTE_WEIGHT = 25;
/** A build gives way to whatever serves. */
const BUILDER_WEIGHT = 10;

/** `cores` are the machine's. */
export function sandboxLimits(kind: SandboxKind, memoryMib: number, cores: number): SandboxLimits {
  if (kind === 'zygote') {
    return {
      memoryMib,
      maxTasks: FUNCTION_TASKS,
      tmpMib: FUNCTION_TMP_MIB,
      cpuWeight: ZYGOTE_WEIGHT,
      cpuCores: Math.max(MIN_CORES, memoryMib / MIB_PER_CORE),
    };
  }
  return {
    memoryMib,
    maxTasks: BUILDER_TASKS,
    tmpMib: Math.floor(memoryMib * BUILDER_TMP_SHARE),
    cpuWeight: BUILDER_WEIGHT,
    // All of them: its weight is what keeps it from those that serve.
    cpuCores: Math.max(MIN_CORES, cores),
  };
}
