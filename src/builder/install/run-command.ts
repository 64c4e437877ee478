/** Runs one program of the build to its end: its lines, its exit, and nothing of it left afterwards. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';

export interface Command {
  /** What messages call it: `npm ci`. */
  title: string;
  command: readonly string[];
  cwd: string;
  environment: Readonly<Record<string, string>>;
  /** Ends it early. */
  signal?: AbortSignal;
}

export interface CommandWatch {
  /** Each line that it prints. */
  onLine?: (line: string) => void;
  /** A line for whoever waits, when nothing was said for a while. */
  report: (line: string) => void;
  tellActivity: (text: string) => void;
}

export interface CommandEnd {
  /** Null when a signal ended it. */
  code: number | null;
  signal: string | null;
  /** The last that it printed, on either stream. */
  tail: string[];
  elapsedMs: number;
}

const MAX_TAIL_LINES = 300;
const MAX_LINE_CHARACTERS = 2000;
const QUIET_MS = 9_000;
const CHECK_QUIET_MS = 1_000;
/** What was printed before the end is there by then; longer, somebody else would be waited for. */
const OUTPUT_GRACE_MS = 1_000;
/** More of them than a process that starts others as it ends can keep up with. */
const MAX_ROUNDS = 20;
/** The shells' number for a program that cannot be run. */
const CANNOT_RUN = 127;
/** Theirs for a program that was ended by SIGKILL. */
const KILLED = 137;

export async function runCommand(
  { title, command, cwd, environment, signal: early }: Command,
  { onLine, report, tellActivity }: CommandWatch,
): Promise<CommandEnd> {
  const beganAtMs = performance.now();
  const others = processes();
  const tail: string[] = [];
  let spokeAtMs = beganAtMs;
  const [file = '', ...args] = command;
  tellActivity(title);
  const child = spawn(file, args, {
    cwd,
    env: { ...environment },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const take = (line: string): void => {
    const text = line.slice(0, MAX_LINE_CHARACTERS);
    tail.push(text);
    if (tail.length > MAX_TAIL_LINES) tail.shift();
    if (onLine === undefined) return;
    onLine(text);
    spokeAtMs = performance.now();
  };
  const outputs = [child.stdout, child.stderr].map((stream) => readLines(stream, take));
  const watch = setInterval(() => {
    if (performance.now() - spokeAtMs < QUIET_MS) return;
    spokeAtMs = performance.now();
    report(`${title} has been running for ${Math.round((spokeAtMs - beganAtMs) / 1000)} s`);
  }, CHECK_QUIET_MS);
  const onEarlyEnd = (): void => endGroup(child.pid);
  early?.addEventListener('abort', onEarlyEnd);
  if (early?.aborted) onEarlyEnd();
  const { code, signal } = await new Promise<Pick<CommandEnd, 'code' | 'signal'>>((resolve) => {
    child.once('exit', (exitCode, exitSignal) => resolve({ code: exitCode, signal: exitSignal }));
    child.once('error', (error) => {
      take(error.message);
      resolve({ code: CANNOT_RUN, signal: null });
    });
  });
  clearInterval(watch);
  early?.removeEventListener('abort', onEarlyEnd);
  // What it left running would hold the outputs open, and go on changing files under the build.
  endGroup(child.pid);
  endOthers(others);
  await Promise.race([Promise.all(outputs), setTimeout(OUTPUT_GRACE_MS, null, { ref: false })]);
  for (const stream of [child.stdout, child.stderr]) stream.destroy();
  tellActivity('');
  return { code, signal, tail, elapsedMs: performance.now() - beganAtMs };
}

/** Whether the kernel ended it, as it does when memory is short; a shell in between tells that by a number. */
export function wasKilled({ code, signal }: CommandEnd): boolean {
  return signal === 'SIGKILL' || code === KILLED;
}

/** Resolves when the stream has ended, or was given up, and all of its lines were taken. */
async function readLines(stream: Readable, take: (line: string) => void): Promise<void> {
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  lines.on('line', take);
  await once(lines, 'close');
}

/** The pids of the sandbox, which has a namespace of its own; elsewhere only children of this process count. */
function processes(): Set<number> {
  return new Set(readdirSync('/proc').map(Number).filter(Number.isInteger));
}

/** Its processes, but for those that made a group of their own. */
function endGroup(leader: number | undefined): void {
  if (leader !== undefined) endProcess(-leader);
}

function endOthers(before: ReadonlySet<number>): void {
  // Pid 2 is this process: in a namespace that is shared with others nothing may be ended by its number alone.
  if (process.pid !== SANDBOX_PID) return;
  const ended = new Set<number>();
  // One that is ended may have started another one since the list was made.
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const left = [...processes()].filter((pid) => !before.has(pid) && !ended.has(pid));
    if (left.length === 0) return;
    for (const pid of left) endProcess(pid);
    for (const pid of left) ended.add(pid);
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended by itself.
  }
}

/** Bubblewrap is the first process of a sandbox. */
const SANDBOX_PID = 2;
