import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { BuilderProcess } from '../../src/build/index.ts';
import { WORKER_SOCKET_FD } from '../../src/protocol/worker.ts';

const MAIN = join(import.meta.dirname, '../../src/builder/main.ts');

/** The real builder, on a socketpair at its descriptor, without a sandbox around it. */
export async function startBuilderProcess(): Promise<BuilderProcess> {
  return startProgram([MAIN]);
}

/** The same, where its surroundings have these variables, too. */
export async function startBuilderAmong(
  variables: Record<string, string>,
): Promise<BuilderProcess> {
  return startProgram([MAIN], variables);
}

/** A program in the builder's place that misbehaves: `script` finds the socket as `socket`. */
export async function startFakeBuilder(script: string): Promise<BuilderProcess> {
  const prelude = `const socket = new (require('node:net').Socket)({ fd: ${WORKER_SOCKET_FD} });`;
  return startProgram(['-e', `${prelude}\n${script}`]);
}

function startProgram(args: string[], variables: Record<string, string> = {}): BuilderProcess {
  const temporary = mkdtempSync(join(tmpdir(), 'builder-'));
  const child = spawn(process.execPath, args, {
    env: { ...variables, TMPDIR: temporary },
    stdio: ['ignore', 'ignore', 'pipe', 'ignore', 'ignore', 'pipe'],
  });
  const exited = waitForExit(child);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(temporary, { recursive: true, force: true });
  });
  return {
    // Node's types know five descriptors; the sixth is there all the same.
    socket: (child.stdio as readonly unknown[])[WORKER_SOCKET_FD] as Duplex,
    kill: () => void child.kill('SIGKILL'),
    exited,
  };
}

function waitForExit(child: ChildProcess): BuilderProcess['exited'] {
  let stderrTail = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderrTail += text));
  return new Promise((resolve) => {
    child.on('close', (code, signal) =>
      resolve({ code, signal, wasOutOfMemory: false, stderrTail }),
    );
  });
}
