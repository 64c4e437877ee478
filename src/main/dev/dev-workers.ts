import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Sandbox, Sandboxes } from '../../pool/ports.ts';
import { PlatformError } from '../../protocol/errors.ts';
import type { SandboxExit } from '../../protocol/supervisor.ts';
import {
  WORKER_ENVIRONMENT_FD,
  WORKER_SOCKET_FD,
  type WorkerEnvironment,
} from '../../protocol/worker.ts';
import { heapFlags, OUT_OF_MEMORY_MESSAGE } from '../../runtimes/nodejs/index.ts';
import type { Environment } from './environment-files.ts';

const STDERR_TAIL_BYTES = 4096;
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
    const exited = exitOf(child);
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
    stdio: ['ignore', 'ignore', 'pipe', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
}

function exitOf(child: ChildProcess): Promise<SandboxExit> {
  let stderrTail = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderrTail = (stderrTail + chunk.toString()).slice(-STDERR_TAIL_BYTES);
  });
  return new Promise((resolve) => {
    const ended = (code: number | null, signal: string | null): void =>
      resolve({
        code,
        signal,
        wasOutOfMemory: stderrTail.includes(OUT_OF_MEMORY_MESSAGE),
        stderrTail,
      });
    child.on('error', () => ended(null, null));
    child.on('close', ended);
  });
}
