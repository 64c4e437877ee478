import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { PlatformError } from '../protocol/errors.ts';
import type { GitEnvironment } from './git-environment.ts';

/** Where a git command works. */
export interface GitPlace {
  /** Path of a bare repository. */
  repository: string;
  /** The object directory of a push that has not been accepted, or null. */
  quarantine: string | null;
}

interface GitCommand {
  place: GitPlace;
  args: string[];
  deadlineMs: number;
}

/** Starts the front's own git commands; arguments are ours or checked object ids, never a pusher's text. */
export interface GitRunner {
  /** A running command whose output the caller reads. It ends at its deadline. @throws unavailable when it can't be started */
  start(command: GitCommand): ChildProcessWithoutNullStreams;
  /** Resolves with the exit status and the output. @throws too-large above `maxOutputBytes` */
  run(command: GitCommand & { input: string; maxOutputBytes: number }): Promise<GitResult>;
}

interface GitResult {
  /** Null when a signal ended it. */
  code: number | null;
  output: Buffer;
}

export function createGitRunner(environment: GitEnvironment): GitRunner {
  function start({ place, args, deadlineMs }: GitCommand): ChildProcessWithoutNullStreams {
    const child = spawn('/usr/bin/git', args, {
      cwd: '/',
      env: { ...environment, ...environmentOf(place) },
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
    });
    // Of a process that was not started; without a listener it would end this one.
    child.on('error', () => {});
    if (child.pid === undefined) throw new PlatformError('unavailable', 'git could not be started');
    // What git says on its error output is for people at a terminal; read, so that it never blocks.
    child.stderr.resume();
    child.stdin.on('error', () => {}); // It ended early; its exit status tells.
    return child;
  }

  return {
    start,
    async run({ input, maxOutputBytes, ...command }) {
      const child = start(command);
      return new Promise((resolve, reject) => {
        const chunks: Buffer[] = [];
        let size = 0;
        child.stdout.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size <= maxOutputBytes) chunks.push(chunk);
          else child.kill('SIGKILL');
        });
        child.on('close', (code) => {
          if (size <= maxOutputBytes) resolve({ code, output: Buffer.concat(chunks) });
          else reject(new PlatformError('too-large', 'git answered more than is expected of it'));
        });
        child.stdin.end(input);
      });
    },
  };
}

function environmentOf({ repository, quarantine }: GitPlace): Record<string, string> {
  if (quarantine === null) return { GIT_DIR: repository };
  return {
    GIT_DIR: repository,
    GIT_OBJECT_DIRECTORY: quarantine,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: `${repository}/objects`,
  };
}
