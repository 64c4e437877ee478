/** `fn dev` as a process of its own in a folder that the test writes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { DevEvent } from '../../src/main/dev/dev-output.ts';
import { eventually } from './eventually.ts';

const FN = join(import.meta.dirname, '../../bin/fn');

export interface DevProcess {
  child: ChildProcess;
  folder: string;
  events: DevEvent[];
  stderr(): string;
  port(): Promise<number>;
  /** Resolves to the first such event that comes after those that it was called with before. */
  next<T extends DevEvent['type']>(type: T): Promise<Extract<DevEvent, { type: T }>>;
  write(files: Record<string, string>): Promise<void>;
  exited: Promise<unknown[]>;
  close(): Promise<void>;
}

export async function startDev(
  files: Record<string, string>,
  options: { args?: string[]; environment?: Record<string, string> } = {},
): Promise<DevProcess> {
  const parent = await mkdtemp(join(await realpath(tmpdir()), 'dev-test-'));
  const folder = join(parent, 'hello');
  const write = async (changed: Record<string, string>): Promise<void> => {
    for (const [path, content] of Object.entries(changed)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
  };
  await write(files);
  const child = spawn(FN, ['dev', '--json', ...(options.args ?? ['--port', '0'])], {
    cwd: folder,
    env: { PATH: process.env['PATH'], TMPDIR: parent, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const events: DevEvent[] = [];
  let seen = 0;
  let stderr = '';
  createInterface({ input: child.stdout }).on(
    'line',
    (line) => void events.push(JSON.parse(line) as DevEvent),
  );
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));

  async function next<T extends DevEvent['type']>(
    type: T,
  ): Promise<Extract<DevEvent, { type: T }>> {
    return eventually(() => {
      const index = events.findIndex((event, at) => at >= seen && event.type === type);
      if (index === -1)
        throw new Error(`no ${type}: ${JSON.stringify(events.slice(seen))} ${stderr}`);
      seen = index + 1;
      return events[index] as Extract<DevEvent, { type: T }>;
    });
  }

  return {
    child,
    folder,
    events,
    stderr: () => stderr,
    port: async () =>
      eventually(() => {
        const ready = events.find((event) => event.type === 'ready');
        if (ready === undefined) throw new Error(`not ready: ${JSON.stringify(events)} ${stderr}`);
        return ready.port;
      }),
    next,
    write,
    exited,
    close: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
      await rm(parent, { recursive: true });
    },
  };
}
