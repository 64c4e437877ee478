/**
 * The life of a sandbox: a uid and a cgroup are taken, the launch chain is spawned and waits for bubblewrap's
 * arguments, `boot()` sends them and the filter of system calls, the program runs until it ends or is killed; uid and cgroup go back when the
 * kernel says that nothing of it is left.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { DeploymentEnvironment } from '../model/environment.ts';
import { assert } from '../std/assert.ts';
import { keepTail } from '../std/output-tail.ts';
import { streamEnd } from '../std/process-output.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { SandboxExit } from '../protocol/supervisor.ts';
import { WORKER_CHANNEL_FD } from '../protocol/egress-channel.ts';
import { WORKER_ENVIRONMENT_FD, WORKER_SOCKET_FD } from '../protocol/worker.ts';
import { ARGUMENTS_FD, FILTER_FD } from './bubblewrap-arguments.ts';
import type { CgroupDriver, SandboxCgroup } from './cgroup.ts';
import { freezing } from './freezing.ts';
import type { Enclosed, Enclosure } from './enclosure.ts';
import { createMemoryWatch, type MemoryWatch } from './memory-watch.ts';
import { type Killed, killCgroup } from './kill-sandbox.ts';
import { launchCommand } from './launch-chain.ts';
import { watchMemory } from './sandbox-memory.ts';
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

const STDOUT_FD = 1;
const STDERR_FD = 2;
const STDERR_TAIL_BYTES = 4 * 1024;
/** A process that inherited stderr may outlive the program by the time that its namespace takes to end. */
const STDERR_GRACE_MS = 500;
/** Each lasts about two seconds when something is left. */
const RELEASE_ATTEMPTS = 3;

export function createSandboxes(deps: SandboxesDeps): Sandboxes {
  const memoryWatch = createMemoryWatch(deps.cgroups.holds.memory);
  return { start: (spec) => startSandbox({ ...deps, memoryWatch }, spec) };
}

interface StartDeps extends SandboxesDeps {
  memoryWatch: MemoryWatch;
}

function startSandbox(deps: StartDeps, spec: SandboxSpec): Sandbox {
  const uid = leaseUid(deps.slotUids);
  const cgroup = makeCgroup(deps, spec, uid);
  const launched = launch(deps, { ...spec, uid, cgroup });
  const { enclosed, child, socket, output, argumentsPipe, filterPipe, environmentPipe } = launched;
  const lastWords = readLastWords(launched);
  let hasEnded = false;
  let killed: Killed | null = null;
  const kill = (): void => {
    if (!hasEnded && killed === null) killed = enclosed.kill(child, cgroup);
  };
  const { limits } = spec;
  const memory = watchMemory(deps, { limits, cgroup, pid: child.pid ?? 0, kill });
  const ended = endOf(child);
  const closed = ended.then(() => enclosed.close(child.pid));
  const exited = ended.then(async ({ code, signal }): Promise<SandboxExit> => {
    hasEnded = true;
    memory.end();
    const stderrTail = await lastWords();
    const wasOutOfMemory = memory.wasOver || wasOutOfMemoryBy(cgroup);
    const end = killed === 'inside' ? { code: null, signal: 'SIGKILL' } : { code, signal };
    return { ...end, wasOutOfMemory, stderrTail };
  });
  return {
    socket,
    channel: launched.channel,
    output,
    boot: () => {
      filterPipe.end(enclosed.input.filter);
      argumentsPipe.end(enclosed.input.arguments);
    },
    giveEnvironment: (environment) => void environmentPipe.end(`${JSON.stringify(environment)}\n`),
    kill,
    ...freezing(cgroup, () => hasEnded || killed !== null, kill),
    processor: sandboxProcessor(cgroup.processor, () => hasEnded),
    nearMemoryLimit: memory.near,
    exited,
    released: Promise.all([exited, closed]).then(() => release(deps, uid, cgroup)),
  };
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

interface Launched {
  enclosed: Enclosed;
  child: ChildProcess;
  stderr: Socket;
  output: SandboxOutput | null;
  socket: Socket;
  channel: Socket | null;
  argumentsPipe: Socket;
  filterPipe: Socket;
  environmentPipe: Socket;
}

/** Gives uid and cgroup back when the system refuses: a shortage of memory or descriptors passes. */
function launch(deps: SandboxesDeps, placement: Placement): Launched {
  const { name, program, limits, uid, network } = placement;
  let enclosed: Enclosed | null = null;
  try {
    const hasNetwork = network !== undefined;
    enclosed = deps.enclosure.enclose({ name, program, limits, uid, hasNetwork });
    const child = spawnChain(deps, placement, enclosed);
    const stderr = descriptor(child, STDERR_FD);
    const output =
      placement.handsOverOutput === true ? { stdout: descriptor(child, STDOUT_FD), stderr } : null;
    return {
      enclosed,
      child,
      stderr,
      output,
      socket: descriptor(child, WORKER_SOCKET_FD),
      channel: placement.hasChannel === true ? descriptor(child, WORKER_CHANNEL_FD) : null,
      argumentsPipe: descriptor(child, ARGUMENTS_FD),
      filterPipe: descriptor(child, FILTER_FD),
      environmentPipe: descriptor(child, WORKER_ENVIRONMENT_FD),
    };
  } catch (error) {
    void enclosed?.close(undefined);
    void release(deps, uid, placement.cgroup);
    throw new PlatformError('sandbox-failed', 'a sandbox cannot be started', { cause: error });
  }
}

/** @throws when no process was made. */
function spawnChain(
  deps: SandboxesDeps,
  placement: Placement,
  { command, environment }: Enclosed,
): ChildProcess {
  const { limits, uid, cgroup, handsOverOutput } = placement;
  const [file, ...args] = launchCommand(deps.tools, {
    command,
    limits,
    uid,
    cgroupFiles: cgroup.procsFiles,
    network: placement.network ?? null,
    isMemoryHeld: deps.cgroups.holds.memory,
  });
  const child = spawn(file, args, {
    cwd: '/',
    env: { ...environment },
    // Its own session: a terminal's signals are for the supervisor alone.
    detached: true,
    // stdin, stdout, stderr, bubblewrap's arguments, its seccomp filter, the socket, the environment, the channel
    stdio: [
      'ignore',
      handsOverOutput === true ? 'pipe' : 'ignore',
      'pipe',
      'pipe',
      'pipe',
      'pipe',
      'pipe',
      ...(placement.hasChannel === true ? (['pipe'] as const) : []),
    ],
  });
  // Comes later when there is no process, and after a signal that could not be sent; the end says all that matters.
  child.on('error', () => {});
  if (child.pid !== undefined) return child;
  // Short of descriptors, Node has not even made the list.
  for (const stream of (child.stdio as typeof child.stdio | undefined) ?? []) stream?.destroy();
  throw new Error('no process could be made');
}

/** One end of a socketpair that the child inherits under that number. */
function descriptor(child: ChildProcess, fd: number): Socket {
  const socket = child.stdio[fd];
  assert(socket instanceof Socket, `descriptor ${fd} of a sandbox is a socket`);
  // A peer that has gone is told by the end of the process.
  socket.on('error', () => {});
  return socket;
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

/** False as well when the counter cannot be read, for want of a descriptor: the end itself must be told. */
function wasOutOfMemoryBy(cgroup: SandboxCgroup): boolean {
  try {
    return cgroup.wasOutOfMemory();
  } catch {
    return false;
  }
}

/** To be called when the program has ended: gives the last of its standard error, when that is read here. */
function readLastWords({ stderr, output }: Launched): () => Promise<string> {
  if (output !== null) return async () => '';
  const tail = keepTail(stderr, STDERR_TAIL_BYTES);
  return async () => {
    tail.finish();
    await Promise.race([streamEnd(stderr), delay(STDERR_GRACE_MS)]);
    stderr.destroy();
    return tail.text();
  };
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
