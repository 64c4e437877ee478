/** How a Node worker is booted: the runtime, the worker's own code, and nothing else. */
import { CHANNEL_ARGUMENT } from '../../protocol/egress-channel.ts';
import type { SandboxProgram } from '../../sandbox/ports.ts';

interface NodeFiles {
  /** The pinned runtime. */
  node: string;
  /** Shared libraries that it needs: path inside → path outside. */
  libraries: Readonly<Record<string, string>>;
  /** The bundled worker, in CommonJS. */
  runner: string;
}

const NODE = '/usr/bin/node';
const RUNNER = '/runner.cjs';
/** Where the worker finds packages. */
const CODE = '/code';

/** Of a worker's memory, what V8's heap may not have: the runtime itself, stacks, Buffers, files in /tmp. */
const MIN_RESERVE_MIB = 32;
const RESERVED_SHARE = 1 / 8;
/** Three semi-spaces come on top of the old generation; small ones also keep the pauses of each scavenge short. */
const SMALL_WORKER_MIB = 256;
const SMALL_SEMI_SPACE_MIB = 4;

/** `hasChannel`: its connections go through the socket that it inherits for them. */
export function nodeWorkerProgram(
  files: NodeFiles,
  memoryMib: number,
  { hasChannel } = { hasChannel: false },
): SandboxProgram {
  const flags = [...heapFlags(memoryMib), '--disable-warning=ExperimentalWarning'];
  return {
    command: [NODE, ...flags, RUNNER, CODE, ...(hasChannel ? [CHANNEL_ARGUMENT] : [])],
    files: { ...files.libraries, [NODE]: files.node, [RUNNER]: files.runner },
    environment: {},
  };
}

/**
 * V8 gives up a little before the kernel would: it then says so on stderr, with its last collections, where the
 * kernel says nothing. Memory outside the heap still ends at the cgroup's limit.
 */
export function heapFlags(memoryMib: number): string[] {
  const reserve = Math.max(MIN_RESERVE_MIB, Math.round(memoryMib * RESERVED_SHARE));
  const flags = [`--max-old-space-size=${Math.max(16, memoryMib - reserve)}`];
  if (memoryMib <= SMALL_WORKER_MIB) flags.push(`--max-semi-space-size=${SMALL_SEMI_SPACE_MIB}`);
  return flags;
}

const PROBER = '/prober.mts';

/** The sandbox's self-test in this runtime: `runner` is prober.ts as it is, whose types Node strips. */
export function nodeProbeProgram({ node, libraries, runner }: NodeFiles): SandboxProgram {
  return {
    command: [NODE, '--disable-warning=ExperimentalWarning', PROBER],
    files: { ...libraries, [NODE]: node, [PROBER]: runner },
    environment: {},
  };
}

/** Of the project's folder. */
export const NODE_PROBER_FILE = 'src/runtimes/nodejs/prober.ts';
