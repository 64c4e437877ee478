import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Sandbox, Sandboxes } from '../../pool/ports.ts';
import { PlatformError } from '../../protocol/errors.ts';
import type { SandboxExit } from '../../protocol/supervisor.ts';
import {
  WORKER_ENVIRONMENT_FD,
  WORKER_SOCKET_FD,
  type WorkerEnvironment,
} from '../../protocol/worker.ts';
import { heapFlags } from '../../runtimes/nodejs/index.ts';
import { readProcessOutput, type ProcessOutput } from '../../std/process-output.ts';
import type { Environment } from './environment-files.ts';

const QUIET_NODE = '--disable-warning=ExperimentalWarning';

interface DevWorkerOptions {
  /** The bundled worker program. */
  runner: string;
  /** The working folder, which functions see in place of /code: their packages are those of its node_modules. */
  root: string;
  /** setpriv of util-linux: with it the kernel ends a worker whose parent dies, even one that spins. Null without. */
  setpriv: string | null;
  environmentOf(deployment: string): Environment;
}

export interface DevWorkers extends Sandboxes {
  killAll(): void;
}

/**
 * The platform's worker program as plain processes, with the same descriptors as in a sandbox. Nothing confines them:
 * it is the developer's own code on the developer's own machine. They end with the socket to this process.
 */
export function createDevWorkers(options: DevWorkerOptions): DevWorkers {
  const running = new Set<ChildProcess>();

  async function start(memoryMib: number): Promise<Sandbox> {
    const child = spawnWorker(options, memoryMib);
    running.add(child);
    const output = outputOf(child);
    const exited = exitOf(child, output);
    void exited.then(() => running.delete(child));
    try {
      await once(child, 'spawn');
    } catch (error) {
      throw new PlatformError('sandbox-failed', 'no worker can be started', { cause: error });
    }
    const stdio: readonly unknown[] = child.stdio;
    const environment = stdio[WORKER_ENVIRONMENT_FD] as Socket;
    environment.on('error', () => {}); // The worker has gone, as `exited` tells.
    return {
      socket: stdio[WORKER_SOCKET_FD] as Socket,
      output,
      specialise: (deployment) => {
        // The developer's own terminal shows all of them.
        const values = options.environmentOf(deployment);
        environment.end(JSON.stringify({ values, secretNames: [] } satisfies WorkerEnvironment));
      },
      kill: () => void child.kill('SIGKILL'),
      exited,
    };
  }

  return {
    start,
    killAll: () => {
      for (const child of running) child.kill('SIGKILL');
    },
  };
}

function spawnWorker({ runner, root, setpriv }: DevWorkerOptions, memoryMib: number): ChildProcess {
  const node = [process.execPath, ...heapFlags(memoryMib), QUIET_NODE, runner, root];
  const [program = '', ...args] =
    setpriv === null ? node : [setpriv, '--pdeathsig', 'KILL', '--', ...node];
  return spawn(program, args, {
    cwd: root,
    env: {},
    stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
}

function outputOf({ stdout, stderr }: ChildProcess): ProcessOutput {
  return readProcessOutput(stdout ?? Readable.from([]), stderr ?? Readable.from([]));
}

async function exitOf(child: ChildProcess, output: ProcessOutput): Promise<SandboxExit> {
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('error', () => resolve([null, null]));
    child.on('exit', (...ended) => resolve(ended));
  });
  return { code, signal, wasOutOfMemory: false, stderrTail: await output.finish() };
}
