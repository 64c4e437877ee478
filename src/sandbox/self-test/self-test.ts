/**
 * Tries, from inside a real sandbox and before any function runs, what a function must not be able to do. A kernel
 * or a container that silently drops one of the protections is found out here rather than by a tenant.
 */
import { PlatformError } from '../../protocol/errors.ts';
import { SHM_BYTES } from '../bubblewrap-arguments.ts';
import type { SandboxLimits, SandboxProgram } from '../ports.ts';
import type { Sandboxes } from '../start-sandbox.ts';
import { openProbeTargets } from './probe-targets.ts';
import { escapeProbes, type Probe, type ProbeFacts } from './probes.ts';

const LIMITS: SandboxLimits = {
  memoryMib: 128,
  maxTasks: 64,
  tmpMib: 4,
  cpuWeight: 100,
  cpuCores: 1,
};
const MIB = 1024 * 1024;
/** It takes a fifth of a second where all is well; a machine that has just booted may have other things to do. */
const DEADLINE_MS = 60_000;

export interface SelfTest {
  /** Of the sandbox. */
  name: string;
  /**
   * A runtime's prober: gets the probes as JSON in the variable `PROBES` of what comes down the environment's descriptor,
   * prints a line `name: what was found` on standard error for each that succeeded, and at last `TRIED <n>`.
   */
  prober: SandboxProgram;
  /** As functions run that connect outwards: the network made for it, and what of this machine it must not reach. */
  network?: { file: string; ownAddresses: readonly string[] };
  deadlineMs?: number;
}

/**
 * Resolves with the number of probes that the sandbox withstood.
 * @throws PlatformError `sandbox-failed` when a sandbox does not start, does not hold or does not answer.
 */
export async function testSandbox(sandboxes: Sandboxes, test: SelfTest): Promise<number> {
  const { prober, network } = test;
  await using listeners = await openProbeTargets(network?.ownAddresses ?? []);
  const probes = escapeProbes({
    launcherPid: process.pid,
    targets: listeners.targets,
    targetMarks: listeners.marks,
    outsidePaths: outsidePathsOf(prober),
    tmpBytes: LIMITS.tmpMib * MIB,
    shmBytes: SHM_BYTES,
  } satisfies ProbeFacts);
  const printed = await run(sandboxes, test, probes);
  const found = printed.trimEnd().split('\n');
  const isComplete = found.pop() === `TRIED ${probes.length}`;
  if (isComplete && found.length === 0) return probes.length;
  if (!isComplete) throw sandboxFails(printed === '' ? 'the self-test said nothing' : printed);
  throw sandboxFails(found.map((line) => `a function can ${line}`).join('\n'));
}

async function run(sandboxes: Sandboxes, test: SelfTest, probes: Probe[]): Promise<string> {
  const { name, prober, network, deadlineMs = DEADLINE_MS } = test;
  const joined = network === undefined ? {} : { network: network.file };
  const sandbox = sandboxes.start({ name, program: prober, limits: LIMITS, ...joined });
  sandbox.boot();
  sandbox.giveEnvironment({ values: { PROBES: JSON.stringify(probes) }, secretNames: [] });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    sandbox.kill();
  }, deadlineMs);
  const { code, signal, stderrTail } = await sandbox.exited;
  clearTimeout(timer);
  await sandbox.released;
  if (isLate) throw sandboxFails(`the self-test has not ended after ${deadlineMs / 1000} s`);
  if (code !== 0) throw sandboxFails(stderrTail || `ended with ${signal ?? code}`);
  return stderrTail;
}

/** Those that show where on the machine something lies; system libraries have the same path on both sides. */
function outsidePathsOf({ files }: SandboxProgram): string[] {
  return Object.entries(files)
    .filter(([inside, outside]) => inside !== outside)
    .map(([, outside]) => outside);
}

function sandboxFails(findings: string): PlatformError {
  return new PlatformError('sandbox-failed', `functions cannot be confined here:\n${findings}`, {
    hint: 'user namespaces must be allowed (sysctl user.max_user_namespaces; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0); in a container: --security-opt seccomp=unconfined',
  });
}
