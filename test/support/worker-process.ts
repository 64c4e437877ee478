/** Real worker processes without a sandbox around them: the bundled worker on a socketpair and a pipe. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { build } from 'esbuild';
import type { Sandbox, Sandboxes } from '../../src/pool/index.ts';
import type { SandboxExit } from '../../src/protocol/supervisor.ts';
import { WORKER_ENVIRONMENT_FD, WORKER_SOCKET_FD } from '../../src/protocol/worker.ts';
import { readProcessOutput } from '../../src/std/process-output.ts';

const WORKER_ENTRY = join(import.meta.dirname, '../../src/worker/main.ts');

export interface WorkerProcesses extends Sandboxes {
  /** How many were started so far. */
  readonly startedCount: number;
  /** Those that still run. */
  readonly running: ReadonlySet<ChildProcess>;
  close(): Promise<void>;
}

interface WorkerProcessOptions {
  /** What a worker of a deployment finds in its environment. */
  environmentOf?: (deployment: string) => Record<string, string>;
  secretNames?: string[];
  execArgv?: string[];
}

/** Bundles the worker as the supervisor does. */
export async function bundleWorker(outfile: string): Promise<void> {
  await build({
    entryPoints: [WORKER_ENTRY],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    logLevel: 'silent',
  });
}

export async function createWorkerProcesses(
  options: WorkerProcessOptions = {},
): Promise<WorkerProcesses> {
  const folder = await mkdtemp(join(tmpdir(), 'worker-process-'));
  const runner = join(folder, 'worker.cjs');
  await bundleWorker(runner);
  const running = new Set<ChildProcess>();
  let startedCount = 0;

  async function start(): Promise<Sandbox> {
    startedCount++;
    const child = spawn(process.execPath, [...(options.execArgv ?? []), runner], {
      env: {},
      stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    const output = readProcessOutput(
      child.stdout ?? Readable.from([]),
      child.stderr ?? Readable.from([]),
    );
    const exited = (async (): Promise<SandboxExit> => {
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
      running.delete(child);
      return { code, signal, wasOutOfMemory: false, stderrTail: await output.finish() };
    })();
    const stdio: readonly unknown[] = child.stdio;
    const environment = stdio[WORKER_ENVIRONMENT_FD] as Socket;
    environment.on('error', () => {}); // The worker may be gone.
    return {
      socket: stdio[WORKER_SOCKET_FD] as Socket,
      output,
      specialise: (deployment) =>
        void environment.end(
          JSON.stringify({
            values: options.environmentOf?.(deployment) ?? {},
            secretNames: options.secretNames ?? [],
          }),
        ),
      kill: () => void child.kill('SIGKILL'),
      exited,
    };
  }

  return {
    start,
    get startedCount() {
      return startedCount;
    },
    running,
    close: async () => {
      for (const child of running) child.kill('SIGKILL');
      await rm(folder, { recursive: true });
    },
  };
}
