import { type ChildProcess, fork } from 'node:child_process';
import type { BuildOutput } from '../../builder/build-source.ts';
import { DEFAULT_LIMITS, MAX_BODY_BYTES_CEILING, MAX_CONCURRENCY } from '../../model/limits.ts';
import type { BuildStart } from '../../protocol/builder.ts';
import { PlatformError } from '../../protocol/errors.ts';

const CHILD = `${import.meta.dirname}/builder-child.ts`;
const QUIET_NODE = '--disable-warning=ExperimentalWarning';
/** The server's own ceilings by default: MAX_MEMORY and MAX_TIMEOUT. */
const MAX_MEMORY_MIB = 10_240;
const MAX_TIMEOUT_MS = 900_000;

export interface BuildRequest {
  id: number;
  root: string;
  start: BuildStart;
}

export type DevBuild = Pick<BuildOutput, 'result' | 'files'>;

export type BuildAnswer = { id: number; output: DevBuild } | { id: number; crash: string };

export interface DevBuilder {
  /** Builds what the folder holds now. Rejects when the builder itself fails, and can be asked again then. */
  build(): Promise<DevBuild>;
  close(): void;
}

type Pending = PromiseWithResolvers<DevBuild>;

export function createDevBuilder(root: string, appName: string): DevBuilder {
  const pending = new Map<number, Pending>();
  let child: ChildProcess | null = null;
  let lastId = 0;

  function start(): ChildProcess {
    const started = fork(CHILD, [], {
      execPath: process.execPath,
      execArgv: [QUIET_NODE],
      env: {},
      // Results hold the files' bytes.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    started.on('message', (answer: BuildAnswer) => settle(answer));
    started.on('error', () => ended(started));
    started.on('exit', () => ended(started));
    return started;
  }

  function settle(answer: BuildAnswer): void {
    const waiting = pending.get(answer.id);
    pending.delete(answer.id);
    if ('output' in answer) waiting?.resolve(answer.output);
    else waiting?.reject(new Error(`the builder failed: ${answer.crash}`));
  }

  function ended(who: ChildProcess): void {
    if (child === who) child = null;
    for (const { reject } of pending.values()) {
      reject(
        new PlatformError('internal', 'the builder ended', { hint: 'save a file to try again' }),
      );
    }
    pending.clear();
  }

  return {
    build: () => {
      child ??= start();
      const id = ++lastId;
      const waiting = Promise.withResolvers<DevBuild>();
      pending.set(id, waiting);
      const request: BuildRequest = { id, root, start: startOf(appName) };
      child.send(request, (error) => {
        if (error !== null) waiting.reject(error);
      });
      return waiting.promise;
    },
    close: () => void child?.kill('SIGKILL'),
  };
}

function startOf(appName: string): BuildStart {
  return {
    appName,
    defaults: DEFAULT_LIMITS,
    maxima: {
      memoryMib: MAX_MEMORY_MIB,
      timeoutMs: MAX_TIMEOUT_MS,
      concurrency: MAX_CONCURRENCY,
      maxBodyBytes: MAX_BODY_BYTES_CEILING,
    },
    previous: null,
  };
}
