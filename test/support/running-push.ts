import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { eventually } from './eventually.ts';
import type { TestRepository } from './repository.ts';
import { signalGroup } from './signals.ts';

interface RunningPush {
  output(): string;
  /** As the terminal does at Ctrl-C: the signal goes to git and to all that git started. */
  interrupt(): Promise<void>;
  ended: Promise<number | null>;
}

/** Starts `git push` and resolves once the platform has it. */
export async function startPush(
  repository: TestRepository,
  ...args: string[]
): Promise<RunningPush> {
  const child = spawn('git', ['push', 'fn', ...args], {
    cwd: repository.folder,
    detached: true,
    env: { PATH: process.env['PATH'], HOME: dirname(repository.folder), GIT_TERMINAL_PROMPT: '0' },
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  await eventually(() => output.includes('-----> Building'));
  return {
    output: () => output,
    ended,
    async interrupt() {
      signalGroup(child, 'SIGINT');
      await ended;
    },
  };
}
