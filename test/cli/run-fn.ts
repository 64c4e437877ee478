import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';

const SOURCES = join(import.meta.dirname, '../../src/cli');
const SCRIPT = `Promise.all([import('${SOURCES}/main.ts'), import('${SOURCES}/installation.ts')])
  .then(([{ runCli }, { wholeInstallation }]) => runCli(process.argv.slice(1), wholeInstallation()))
  .then((code) => { process.exitCode = code; });`;

export interface Home {
  /** The folder that commands run in. */
  folder: string;
  /** What commands see of the environment. */
  environment: Record<string, string>;
  configFile: string;
}

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** A user with an empty home and an empty folder named `name`. */
export function makeHome(name = 'hello'): Home {
  const home = mkdtempSync(join(tmpdir(), 'fn-home-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const folder = join(home, name);
  mkdirSync(folder);
  return {
    folder,
    environment: { HOME: home, PATH: process.env['PATH'] ?? '', GIT_TERMINAL_PROMPT: '0' },
    configFile: join(home, '.config/gitfn/credentials'),
  };
}

export function runFn(home: Home, ...args: string[]): Promise<Finished> {
  return run(home, process.execPath, ['-e', SCRIPT, '--', ...args]);
}

/** Runs the user's git, or any other program, with `input` on its standard input. */
export async function run(
  { folder, environment }: Home,
  file: string,
  args: string[],
  input = '',
): Promise<Finished> {
  const child = spawn(file, args, { cwd: folder, env: environment });
  child.stdin.on('error', () => {}); // A program need not read what it is given.
  child.stdin.end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  return { code, stdout, stderr };
}
