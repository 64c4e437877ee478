import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { PlatformError } from '../../protocol/errors.ts';

export interface GitResult {
  /** Null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

interface GitOptions {
  /** Working folder. */
  folder: string;
  /** The whole environment; that of this process otherwise. */
  environment?: NodeJS.ProcessEnv;
  input?: string;
  /** Ends it. */
  signal?: AbortSignal;
  /** Each line of its standard error, as it comes. */
  onErrorLine?: (line: string) => void;
}

/** Runs the user's own git. @throws PlatformError tool-missing */
export async function runGit(args: string[], options: GitOptions): Promise<GitResult> {
  const { folder, environment, input = '', onErrorLine, signal } = options;
  const child = spawn('git', args, {
    cwd: folder,
    ...(environment !== undefined && { env: environment }),
    ...(signal && { signal }),
  });
  child.stdin.on('error', () => {}); // It ended before it had read all: its exit code tells.
  child.stdin.end(input);
  if (onErrorLine !== undefined) forEachLine(child.stderr, onErrorLine);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', (cause: NodeJS.ErrnoException) => reject(cannotRun(cause)));
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

function forEachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.on('data', (chunk: Buffer | string) => {
    const lines = (rest + chunk.toString()).split(/[\r\n]+/);
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

function cannotRun(cause: NodeJS.ErrnoException): PlatformError {
  return new PlatformError('tool-missing', `git cannot be run (${cause.code ?? cause.message})`, {
    hint: 'install git (https://git-scm.com/downloads), or put it on the PATH',
    cause,
  });
}
