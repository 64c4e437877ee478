import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import type { LogEntry } from '../../src/protocol/control-client.generated.ts';
import { eventually } from './eventually.ts';

const FN = resolve(import.meta.dirname, '../../bin/fn');

export interface LogTail {
  /** What has come so far. */
  readonly entries: LogEntry[];
  notices(): string;
  /** Texts of what functions printed. */
  lines(): string[];
  /** Ends it by a signal; gives the exit code or the signal. */
  end(signal: NodeJS.Signals): Promise<number | string | null>;
  ended: Promise<number | string | null>;
}

/** `fn logs --tail --json` of an app, ended when the test is. */
export async function startLogTail(
  server: { url: string; adminToken: string },
  app: string,
  { token = server.adminToken, args = [] }: { token?: string; args?: string[] } = {},
): Promise<LogTail> {
  const child = spawn(FN, ['logs', '--tail', '--json', '--app', app, ...args], {
    env: { PATH: process.env['PATH'], FN_SERVER: server.url, FN_TOKEN: token },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const entries: LogEntry[] = [];
  let notices = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    entries.push(JSON.parse(line) as LogEntry);
  });
  child.stderr.on('data', (chunk: Buffer) => (notices += chunk.toString()));
  const ended = once(child, 'exit').then(
    ([code, signal]) => (code ?? signal) as number | string | null,
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    entries,
    ended,
    notices: () => notices,
    lines: () => entries.filter(({ kind }) => kind === 'line').map(({ text }) => text),
    end: async (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

/** Resolves when the tail has a line with this text. */
export async function untilTailHas(tail: LogTail, text: string): Promise<void> {
  await eventually(() => tail.lines().includes(text));
}
