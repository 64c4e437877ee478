/**
 * The life of a sandbox: a uid and a cgroup are taken, the launch chain is spawned and waits for bubblewrap's
 * arguments, `boot()` sends them and the filter of system calls, the program runs until it ends or is killed; uid and cgroup go back when the
 * kernel says that nothing of it is left.
 */
import type { Socket } from 'node:net';
import type { DeploymentEnvironment } from '../model/environment.ts';
import { assert } from '../std/assert.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { SandboxExit } from '../protocol/supervisor.ts';
import { WORKER_CHANNEL_FD } from '../protocol/egress-channel.ts';
import { WORKER_ENVIRONMENT_FD, WORKER_SOCKET_FD } from '../protocol/worker.ts';
import type { CgroupDriver, SandboxCgroup } from './cgroup.ts';
import { freezing } from './freezing.ts';
import type { Enclosed, Enclosure } from './enclosure.ts';
import { readLastWords } from './last-words.ts';
import { createMemoryWatch, type MemoryWatch } from './memory-watch.ts';
import { killCgroup } from './kill-sandbox.ts';
import { launchCommand } from './launch-chain.ts';
import {
  type LaunchedProcess,
  type Launcher,
  launchHere,
  type LaunchOrder,
  type ProcessEnd,
  STDERR_FD,
  STDOUT_FD,
} from './launched-process.ts';
import { type MemoryOfSandbox, watchMemory } from './sandbox-memory.ts';
import { sandboxProcessor, type SandboxProcessor } from './sandbox-processor.ts';
import type { SandboxLimits, SandboxProgram, SandboxTools, SlotUids } from './ports.ts';

interface SandboxesDeps {
  tools: SandboxTools;
  cgroups: CgroupDriver;
  /** Null when the platform does not run as root. */
  slotUids: SlotUids | null;
  enclosure: Enclosure;
}

interface SandboxSpec {
  /** Never used before: it names the cgroup. */
  name: string;
  program: SandboxProgram;
  limits: SandboxLimits;
  /** File of the network namespace that was made for it; without one it has no network. */
  network?: string;
  /** Without a network, it has a socket for its connections instead. */
  hasChannel?: boolean;
  /** Its standard output and error are for another process: nothing is kept of them here. */
  handsOverOutput?: boolean;
}

export interface Sandboxes {
  /** @throws PlatformError `busy` when every slot is taken, `sandbox-failed` when the system refuses. */
  start(spec: SandboxSpec): Sandbox;
  /** The same, its process made by another: who calls this is not held up. Rejects where `start` throws. */
  startBy(launcher: Launcher, spec: SandboxSpec): Promise<Sandbox>;
}

export interface Sandbox {
  /** Our end of the socket that the program inherits as descriptor 5. */
  readonly socket: Socket;
  /** Our end of the socket that it inherits as descriptor 7, when it has one. */
  readonly channel: Socket | null;
  /** Its standard output and error, when they are for another process. */
  readonly output: SandboxOutput | null;
  /**
   * Lets the program start. Node begins to read a piped descriptor at once, so whoever hands `socket` to another
   * process calls this when it has left: a byte that the program sends can then not be lost here.
   */
  boot(): void;
  /** Sends one JSON object down descriptor 6 and ends it; once. */
  giveEnvironment(environment: DeploymentEnvironment): void;
  kill(): void;
  /** Stops it until `thaw`, where the machine can; `kill` ends it all the same. Neither does harm at any time. */
  freeze(): void;
  thaw(): void;
  readonly processor: SandboxProcessor;
  /** Resolves when it comes near its memory limit; stays pending when it never does. */
  readonly nearMemoryLimit: Promise<void>;
  /** Resolves when the program has ended; never rejects. */
  readonly exited: Promise<SandboxExit>;
  /** Resolves when its uid and cgroup have gone back. */
  readonly released: Promise<void>;
}

interface SandboxOutput {
  stdout: Socket;
  stderr: Socket;
}

/** Each lasts about two seconds when something is left. */
const RELEASE_ATTEMPTS = 3;

export function createSandboxes(deps: SandboxesDeps): Sandboxes {
  const memoryWatch = createMemoryWatch(deps.cgroups.holds.memory);
  const all = { ...deps, memoryWatch };
  return {
    start: (spec) => startSandbox(all, spec),
    startBy: (launcher, spec) => startSandboxBy(launcher, all, spec),
  };
}

interface StartDeps extends SandboxesDeps {
  memoryWatch: MemoryWatch;
}

function startSandbox(deps: StartDeps, spec: SandboxSpec): Sandbox {
  const placement = placementOf(deps, spec);
  const enclosed = enclose(deps, placement);
  try {
    return sandboxOf(deps, placement, { enclosed, launched: launchHere(enclosed.order) });
  } catch (error) {
    return notStarted(deps, placement, { enclosed, error });
  }
}

async function startSandboxBy(
  launcher: Launcher,
  deps: StartDeps,
  spec: SandboxSpec,
): Promise<Sandbox> {
  const placement = placementOf(deps, spec);
  const enclosed = enclose(deps, placement);
  try {
    return sandboxOf(deps, placement, {
      enclosed,
      launched: await launcher.launch(enclosed.order),
    });
  } catch (error) {
    return notStarted(deps, placement, { enclosed, error });
  }
}

interface Launched {
  enclosed: Enclosed;
  launched: LaunchedProcess;
}

function sandboxOf(
  deps: StartDeps,
  { cgroup, uid, ...spec }: Placement,
  { enclosed, launched }: Launched,
): Sandbox {
  const { pid, descriptors, ended } = launched;
  const stderr = taken(descriptors.get(STDERR_FD));
  const output =
    spec.handsOverOutput === true ? { stdout: taken(descriptors.get(STDOUT_FD)), stderr } : null;
  const lastWords = readLastWords({ stderr, output });
  let hasEnded = false;
  let isKilled = false;
  const kill = (): void => {
    if (hasEnded || isKilled) return;
    isKilled = true;
    enclosed.kill(launched, cgroup);
  };
  const memory = watchMemory(deps, { limits: spec.limits, cgroup, pid, kill });
  const closed = ended.then(() => enclosed.close(pid));
  const exited = ended.then((end) => {
    hasEnded = true;
    memory.end();
    return exitOf(end, { memory, cgroup, lastWords });
  });
  const environmentPipe = taken(descriptors.get(WORKER_ENVIRONMENT_FD));
  return {
    socket: taken(descriptors.get(WORKER_SOCKET_FD)),
    channel: descriptors.get(WORKER_CHANNEL_FD) ?? null,
    output,
    boot: () => launched.boot(),
    giveEnvironment: (environment) => void environmentPipe.end(`${JSON.stringify(environment)}\n`),
    kill,
    ...freezing(cgroup, () => hasEnded || isKilled, kill),
    processor: sandboxProcessor(cgroup.processor, () => hasEnded),
    nearMemoryLimit: memory.near,
    exited,
    released: Promise.all([exited, closed]).then(() => release(deps, uid, cgroup)),
  };
}

async function exitOf(
  { wasKilledInside, ...end }: ProcessEnd,
  of: { memory: MemoryOfSandbox; cgroup: SandboxCgroup; lastWords: () => Promise<string> },
): Promise<SandboxExit> {
  const stderrTail = await of.lastWords();
  const wasOutOfMemory = of.memory.wasOver || wasOutOfMemoryBy(of.cgroup);
  const seen = wasKilledInside ? { code: null, signal: 'SIGKILL' } : end;
  return { ...seen, wasOutOfMemory, stderrTail };
}

function placementOf(deps: SandboxesDeps, spec: SandboxSpec): Placement {
  const uid = leaseUid(deps.slotUids);
  return { ...spec, uid, cgroup: makeCgroup(deps, spec, uid) };
}

function leaseUid(slotUids: SlotUids | null): number | null {
  if (slotUids === null) return null;
  const uid = slotUids.lease();
  if (uid === null) throw new PlatformError('busy', 'every sandbox slot is taken');
  return uid;
}

function makeCgroup(deps: SandboxesDeps, spec: SandboxSpec, uid: number | null): SandboxCgroup {
  try {
    return deps.cgroups.create(spec.name, spec.limits);
  } catch (error) {
    if (uid !== null) deps.slotUids?.release(uid);
    throw new PlatformError('sandbox-failed', 'a cgroup cannot be made', { cause: error });
  }
}

interface Placement extends SandboxSpec {
  uid: number | null;
  cgroup: SandboxCgroup;
}

interface Ordered extends Enclosed {
  order: LaunchOrder;
}

/** Gives uid and cgroup back when the system refuses: a shortage of memory or descriptors passes. */
function enclose(deps: SandboxesDeps, placement: Placement): Ordered {
  const { name, program, limits, uid, network } = placement;
  try {
    const hasNetwork = network !== undefined;
    const enclosed = deps.enclosure.enclose({ name, program, limits, uid, hasNetwork });
    return { ...enclosed, order: orderOf(deps, placement, enclosed) };
  } catch (error) {
    return notStarted(deps, placement, { enclosed: null, error });
  }
}

function notStarted(
  deps: SandboxesDeps,
  { uid, cgroup }: Placement,
  { enclosed, error }: { enclosed: Enclosed | null; error: unknown },
): never {
  void enclosed?.close(undefined);
  void release(deps, uid, cgroup);
  throw new PlatformError('sandbox-failed', 'a sandbox cannot be started', { cause: error });
}

function orderOf(
  deps: SandboxesDeps,
  { limits, uid, cgroup, network, ...placement }: Placement,
  { command, environment, input }: Enclosed,
): LaunchOrder {
  return {
    command: launchCommand(deps.tools, {
      command,
      limits,
      uid,
      cgroupFiles: cgroup.procsFiles,
      network: network ?? null,
      isMemoryHeld: deps.cgroups.holds.memory,
    }),
    environment,
    input,
    handsOverOutput: placement.handsOverOutput === true,
    hasChannel: placement.hasChannel === true,
  };
}

function taken(socket: Socket | undefined): Socket {
  assert(socket !== undefined, 'a sandbox has all of its descriptors');
  return socket;
}

/** False as well when the counter cannot be read, for want of a descriptor: the end itself must be told. */
function wasOutOfMemoryBy(cgroup: SandboxCgroup): boolean {
  try {
    return cgroup.wasOutOfMemory();
  } catch {
    return false;
  }
}

async function release(
  deps: SandboxesDeps,
  uid: number | null,
  cgroup: SandboxCgroup,
): Promise<void> {
  for (let attempt = 1; attempt <= RELEASE_ATTEMPTS; attempt += 1) {
    killCgroup(cgroup);
    if (!(await cgroup.remove())) continue;
    if (uid !== null) deps.slotUids?.release(uid);
    return;
  }
  // A uid with processes left would let the next sandbox reach them: it stays out of use.
}
