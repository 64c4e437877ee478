import { spawn } from 'node:child_process';
import { PlatformError } from '../protocol/errors.ts';

export interface GitRun {
  folder: string;
  args: readonly string[];
  /** git-config(1), for this run alone: on the command line others could read it. */
  config: readonly (readonly [string, string])[];
  protocols: 'https' | 'http:https';
  maxFileBytes: number;
  signal: AbortSignal;
}

export interface GitEnd {
  /** Null when a signal ended it. */
  code: number | null;
  output: string;
  errors: string;
}

/** Kept of each stream, its end. */
const MAX_OUTPUT_CHARACTERS = 64 * 1024;
const BASE_CONFIG = [
  ['core.hooksPath', '/dev/null'],
  ['core.protectHFS', 'true'],
  ['core.protectNTFS', 'true'],
  ['gc.auto', '0'],
  ['http.followRedirects', 'false'],
  // A host that sends next to nothing is given up.
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '30'],
  ['pack.threads', '1'],
  ['pack.windowMemory', '64m'],
  ['submodule.recurse', 'false'],
  ['transfer.fsckObjects', 'true'],
] as const;

/** Runs git in a process group and an environment of its own; no file that it writes can grow beyond the bound. */
export function runGit(run: GitRun): Promise<GitEnd> {
  const { folder, args, config, protocols, maxFileBytes, signal } = run;
  const child = spawn('/usr/bin/prlimit', [`--fsize=${maxFileBytes}`, '/usr/bin/git', ...args], {
    cwd: folder,
    env: {
      PATH: '/usr/bin:/bin',
      HOME: '/nonexistent',
      LC_ALL: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ALLOW_PROTOCOL: protocols,
      ...configVariables([...BASE_CONFIG, ...config]),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const end = (): void => endGroup(child.pid);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  return new Promise((resolve, reject) => {
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output = keepEnd(output, chunk)));
    child.stderr.on('data', (chunk: Buffer) => (errors = keepEnd(errors, chunk)));
    child.on('error', (cause) => {
      reject(new PlatformError('unavailable', 'git could not be started', { cause }));
    });
    child.on('close', (code) => {
      signal.removeEventListener('abort', end);
      resolve({ code, output, errors });
    });
  });
}

function configVariables(config: readonly (readonly [string, string])[]): Record<string, string> {
  const variables = config.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(config.length), ...Object.fromEntries(variables) };
}

function keepEnd(text: string, chunk: Buffer): string {
  return (text + chunk.toString()).slice(-MAX_OUTPUT_CHARACTERS);
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
