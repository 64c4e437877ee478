/**
 * The life of a sandbox: a uid and a cgroup are taken, the launch chain is spawned and waits for bubblewrap's
 * arguments, `boot()` sends them, the program runs until it ends or is killed; uid and cgroup go back when the
 * kernel says that nothing of it is left.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { assert } from '../std/assert.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { SandboxExit } from '../protocol/supervisor.ts';
import { WORKER_ENVIRONMENT_FD, WORKER_SOCKET_FD } from '../protocol/worker.ts';
import { ARGUMENTS_FD, bubblewrapArguments } from './bubblewrap-arguments.ts';
import type { CgroupDriver, SandboxCgroup } from './cgroup.ts';
import { launchCommand } from './launch-chain.ts';
import { keepTail } from './output-tail.ts';
import type { SandboxLimits, SandboxProgram, SandboxTools, SlotUids } from './ports.ts';

interface SandboxesDeps {
  tools: SandboxTools;
  cgroups: CgroupDriver;
  /** Null when the platform does not run as root. */
  slotUids: SlotUids | null;
}

interface SandboxSpec {
  /** Never used before: it names the cgroup. */
  name: string;
  program: SandboxProgram;
  limits: SandboxLimits;
}

export interface Sandboxes {
  /** @throws PlatformError `busy` when every slot is taken, `sandbox-failed` when the system refuses. */
  start(spec: SandboxSpec): Sandbox;
}

export interface Sandbox {
  /** Our end of the socket that the program inherits as descriptor 5. */
  readonly socket: Socket;
  /**
   * Lets the program start. Node begins to read a piped descriptor at once, so whoever hands `socket` to another
   * process calls this when it has left: a byte that the program sends can then not be lost here.
   */
  boot(): void;
  /** Sends one JSON object down descriptor 6 and ends it; once. */
  giveEnvironment(environment: Readonly<Record<string, string>>): void;
  kill(): void;
  /** Resolves when the program has ended; never rejects. */
  readonly exited: Promise<SandboxExit>;
  /** Resolves when its uid and cgroup have gone back. */
  readonly released: Promise<void>;
}

const STDERR_TAIL_BYTES = 4 * 1024;
/** A process that inherited stderr may outlive the program by the time that its namespace takes to end. */
const STDERR_GRACE_MS = 500;

export function createSandboxes(deps: SandboxesDeps): Sandboxes {
  return { start: (spec) => startSandbox(deps, spec) };
}

function startSandbox(deps: SandboxesDeps, spec: SandboxSpec): Sandbox {
  const uid = leaseUid(deps.slotUids);
  const cgroup = makeCgroup(deps, spec, uid);
  const child = spawnChain(deps.tools, { ...spec, uid, cgroup });
  const argumentsPipe = descriptor(child, ARGUMENTS_FD);
  const environmentPipe = descriptor(child, WORKER_ENVIRONMENT_FD);
  const stderr = child.stderr;
  assert(stderr !== null, 'a sandbox has a pipe for its standard error');
  const tail = keepTail(stderr, STDERR_TAIL_BYTES);
  let hasEnded = false;
  const exited = endOf(child).then(async ({ code, signal }): Promise<SandboxExit> => {
    hasEnded = true;
    await Promise.race([streamEnd(stderr), delay(STDERR_GRACE_MS)]);
    const stderrTail = tail.text();
    const gaveUp = code !== 0 && saysOutOfMemory(spec.program, stderrTail);
    return { code, signal, wasOutOfMemory: cgroup.wasOutOfMemory() || gaveUp, stderrTail };
  });
  return {
    socket: descriptor(child, WORKER_SOCKET_FD),
    boot: () =>
      void argumentsPipe.end(nulTerminated(bubblewrapArguments(spec.program, spec.limits))),
    giveEnvironment: (environment) => void environmentPipe.end(JSON.stringify(environment)),
    kill: () => {
      if (hasEnded) return;
      child.kill('SIGKILL');
      cgroup.kill();
    },
    exited,
    released: exited.then(() => release(deps, uid, cgroup)),
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

function spawnChain(tools: SandboxTools, placement: Placement): ChildProcess {
  const { program, limits, uid, cgroup } = placement;
  const [file, ...args] = launchCommand(tools, {
    program,
    limits,
    uid,
    cgroupFiles: cgroup.procsFiles,
  });
  return spawn(file, args, {
    cwd: '/',
    env: {},
    // Its own session: a terminal's signals are for the supervisor alone.
    detached: true,
    // stdin, stdout, stderr, bubblewrap's arguments, its seccomp filter, the socket, the environment
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'ignore', 'pipe', 'pipe'],
  });
}

/** One end of a socketpair that the child inherits under that number. */
function descriptor(child: ChildProcess, fd: number): Socket {
  const socket = child.stdio[fd];
  assert(socket instanceof Socket, `descriptor ${fd} of a sandbox is a socket`);
  // A peer that has gone is told by the end of the process.
  socket.on('error', () => {});
  return socket;
}

function nulTerminated(words: string[]): string {
  return words.map((word) => `${word}\0`).join('');
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    // The chain itself could not be spawned: no exit will follow.
    child.once('error', () => resolve({ code: null, signal: null }));
  });
}

function saysOutOfMemory({ outOfMemoryMessage }: SandboxProgram, stderrTail: string): boolean {
  return outOfMemoryMessage !== undefined && stderrTail.includes(outOfMemoryMessage);
}

function streamEnd(stream: Readable): Promise<void> {
  if (stream.closed) return Promise.resolve();
  return new Promise((resolve) => void stream.once('close', resolve));
}

async function release(
  deps: SandboxesDeps,
  uid: number | null,
  cgroup: SandboxCgroup,
): Promise<void> {
  cgroup.kill();
  const isGone = await cgroup.remove();
  // A uid with processes left would let the next sandbox reach them: it stays out of use.
  if (isGone && uid !== null) deps.slotUids?.release(uid);
}
