import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { TOKEN } from './start-front.ts';

interface GitResult {
  code: number;
  /** Both outputs, as a person sees them. */
  text: string;
}

/** A developer's clone, driven with the real git client. */
export interface WorkTree extends AsyncDisposable {
  path: string;
  git(...args: string[]): Promise<GitResult>;
  /** Runs git, and fails the test when git fails. Returns its trimmed output. */
  must(...args: string[]): Promise<string>;
  /** Starts git in a process group of its own, with the helpers that it starts. */
  start(...args: string[]): ChildProcess;
  /** All that a commit needs, as a pack. */
  pack(sha: string): Promise<Buffer>;
  /** Commits a file and returns the commit's id. */
  commit(file: string, content: string, message?: string): Promise<string>;
}

/** The address of an app's repository, with the token in it as a password. */
export function urlOf(origin: string, appName: string, token: string = TOKEN): string {
  return `${origin.replace('//', `//git:${token}@`)}/${appName}.git`;
}

const ENVIRONMENT = {
  PATH: '/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C.UTF-8',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
};

export async function createWorkTree(): Promise<WorkTree> {
  const path = await mkdtemp(join(tmpdir(), 'gitfn-work-'));
  const git = (...args: string[]): Promise<GitResult> => runGit(path, args);
  const must = async (...args: string[]): Promise<string> => {
    const { code, text } = await git(...args);
    if (code !== 0) throw new Error(`git ${args.join(' ')}: ${code}\n${text}`);
    return text.trim();
  };
  await must('init', '--quiet', '--initial-branch=main');
  return {
    path,
    git,
    must,
    start: (...args) =>
      spawn('git', args, { cwd: path, env: ENVIRONMENT, stdio: 'ignore', detached: true }),
    pack: (sha) => packOf(path, sha),
    async commit(file, content, message = `write ${file}`) {
      await mkdir(dirname(join(path, file)), { recursive: true });
      await writeFile(join(path, file), content);
      await must('add', '--all');
      await must('commit', '--quiet', '--message', message);
      return must('rev-parse', 'HEAD');
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

function runGit(cwd: string, args: string[]): Promise<GitResult> {
  return new Promise((resolve) => {
    const options = { cwd, env: ENVIRONMENT, maxBuffer: 64 * 1024 * 1024 };
    execFile('git', args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, text: stdout + stderr });
    }).stdin?.end();
  });
}

async function packOf(cwd: string, sha: string): Promise<Buffer> {
  const args = ['pack-objects', '--revs', '--stdout', '-q'];
  const child = spawn('git', args, { cwd, env: ENVIRONMENT });
  child.stdin.end(`${sha}\n`);
  return buffer(child.stdout);
}
