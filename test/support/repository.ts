import { execFile } from 'node:child_process';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';

export const FN = resolve(import.meta.dirname, '../../bin/fn');
const execute = promisify(execFile);
const COMMAND_DEADLINE_MS = 60_000;

export interface CommandResult {
  code: number;
  /** Standard output and standard error, in this order. */
  output: string;
}

/** A real repository in a temporary folder, with a home of its own, pushed with the machine's git. */
export interface TestRepository {
  folder: string;
  /** Writes the files (null removes one), commits all, returns the SHA. */
  commit(files: Record<string, string | null>, message?: string): Promise<string>;
  /** `git push fn …`. */
  push(...args: string[]): Promise<CommandResult>;
  git(...args: string[]): Promise<CommandResult>;
  fn(...args: string[]): Promise<CommandResult>;
}

interface Server {
  url: string;
  adminToken: string;
  /** Of the authority that vouches for it, where it is no public one. */
  caFile?: string;
}

/** Each test file has this module to itself, so these are the file's own. */
const homes: string[] = [];
afterAll(() => Promise.all(homes.map((home) => rm(home, { recursive: true, force: true }))));

/** Makes the repository and connects it by `fn init`; removed when the file's tests have finished. */
export async function createRepository(server: Server, app: string): Promise<TestRepository> {
  const home = await mkdtemp(join(tmpdir(), 'gitfn-test-repository-'));
  homes.push(home);
  const folder = join(home, app);
  const tokenFile = join(home, 'token');
  await mkdir(folder);
  await writeFile(tokenFile, server.adminToken, { mode: 0o600 });
  const call = (command: string, args: string[]): Promise<CommandResult> =>
    runCommand(command, args, { folder, home });
  const git = (...args: string[]): Promise<CommandResult> => call('git', args);
  const must = async (...args: string[]): Promise<string> => {
    const { code, output } = await git(...args);
    if (code !== 0) throw new Error(`git ${args.join(' ')}: ${output}`);
    return output.trim();
  };
  await must('init', '-q', '-b', 'main');
  await must('config', 'user.name', 'Test');
  await must('config', 'user.email', 'test@example.com');
  const init = ['init', app, '--server', server.url, '--token-file', tokenFile];
  if (server.caFile !== undefined) init.push('--ca-file', server.caFile);
  const { code, output } = await call(FN, init);
  if (code !== 0) throw new Error(`fn init: ${output}`);
  return {
    folder,
    git,
    fn: (...args) => call(FN, args),
    push: (...args) => git('push', 'fn', ...args),
    async commit(files, message = 'Change') {
      for (const [name, content] of Object.entries(files)) {
        const path = join(folder, name);
        await mkdir(dirname(path), { recursive: true });
        if (content === null) await rm(path);
        else await writeFile(path, content);
      }
      await must('add', '-A');
      await must('commit', '-q', '--allow-empty', '-m', message);
      return must('rev-parse', 'HEAD');
    },
  };
}

/** Runs a command to its end, with no environment of the test's own but PATH. */
async function runCommand(
  command: string,
  args: string[],
  place: { folder: string; home: string },
): Promise<CommandResult> {
  const { PATH } = process.env;
  const env = { PATH, HOME: place.home, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' };
  try {
    const { stdout, stderr } = await execute(command, args, {
      cwd: place.folder,
      env,
      timeout: COMMAND_DEADLINE_MS,
    });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr, killed } = error as {
      code?: unknown;
      stdout?: string;
      stderr?: string;
      killed?: boolean;
    };
    if (killed || typeof code !== 'number') throw error;
    return { code, output: (stdout ?? '') + (stderr ?? '') };
  }
}
