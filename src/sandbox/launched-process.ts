/**
 * The process that becomes a sandbox, as whoever made it hands it over: this process, or a launcher beside it, because
 * making one holds up whoever does it for some milliseconds.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { WORKER_CHANNEL_FD } from '../protocol/egress-channel.ts';
import { WORKER_ENVIRONMENT_FD, WORKER_SOCKET_FD } from '../protocol/worker.ts';
import { assert } from '../std/assert.ts';
import { ARGUMENTS_FD, FILTER_FD } from './bubblewrap-arguments.ts';
import { killInside } from './kill-sandbox.ts';

export interface LaunchOrder {
  command: readonly [string, ...string[]];
  environment: Readonly<Record<string, string>>;
  /** Its standard output is for somebody; otherwise its standard error alone. */
  handsOverOutput: boolean;
  hasChannel: boolean;
  /** What it waits for on the descriptors of that number, until `boot`. */
  input: { arguments: string; filter: Buffer };
}

export interface ProcessEnd {
  code: number | null;
  signal: string | null;
  /** The signal went to the first process inside, so the code of the outer one speaks of it. */
  wasKilledInside: boolean;
}

/** Our ends of what it has inherited, by the number that it knows them by. */
export type LaunchedDescriptors = ReadonlyMap<number, Socket>;

export interface LaunchedProcess {
  readonly pid: number;
  readonly descriptors: LaunchedDescriptors;
  /** Sends what it waits for; once. */
  boot(): void;
  /** Ends the first process inside; itself, as long as there is none. */
  killInside(): void;
  killOutside(): void;
  /** Never rejects. */
  readonly ended: Promise<ProcessEnd>;
}

export interface Launcher {
  /** Rejects when no process was made. */
  launch(order: LaunchOrder): Promise<LaunchedProcess>;
}

export const STDOUT_FD = 1;
export const STDERR_FD = 2;

/** The descriptors of such a process that are for whoever has it launched. */
export function descriptorsOf(
  order: Pick<LaunchOrder, 'handsOverOutput' | 'hasChannel'>,
): number[] {
  return [
    ...(order.handsOverOutput ? [STDOUT_FD] : []),
    STDERR_FD,
    WORKER_SOCKET_FD,
    WORKER_ENVIRONMENT_FD,
    ...(order.hasChannel ? [WORKER_CHANNEL_FD] : []),
  ];
}

/** @throws when no process was made. */
export function launchHere(order: LaunchOrder): LaunchedProcess {
  const child = spawnWaiting(order);
  const filterPipe = descriptor(child, FILTER_FD);
  const argumentsPipe = descriptor(child, ARGUMENTS_FD);
  let wasKilledInside = false;
  return {
    pid: child.pid ?? 0,
    descriptors: new Map(descriptorsOf(order).map((fd) => [fd, descriptor(child, fd)])),
    boot: () => {
      filterPipe.end(order.input.filter);
      argumentsPipe.end(order.input.arguments);
    },
    killInside: () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      wasKilledInside = killInside(child.pid ?? 0);
      if (!wasKilledInside) child.kill('SIGKILL');
    },
    killOutside: () => void child.kill('SIGKILL'),
    ended: new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal, wasKilledInside }));
    }),
  };
}

function spawnWaiting({ command, environment, ...order }: LaunchOrder): ChildProcess {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    cwd: '/',
    env: { ...environment },
    // Its own session: a terminal's signals are for the supervisor alone.
    detached: true,
    // stdin, stdout, stderr, bubblewrap's arguments, its seccomp filter, the socket, the environment, the channel
    stdio: [
      'ignore',
      order.handsOverOutput ? 'pipe' : 'ignore',
      'pipe',
      'pipe',
      'pipe',
      'pipe',
      'pipe',
      ...(order.hasChannel ? (['pipe'] as const) : []),
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
