import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PlatformError } from '../../protocol/errors.ts';
import type { CommandContext } from '../command-context.ts';
import { type GitResult, runGit } from './git.ts';

/**
 * A bare repository of this one command's own, so that nothing of the user's is touched: no index, no branch, no
 * configuration, no hook. It sees the objects of the user's repository, where there is one, and never writes them.
 */
export interface ScratchRepository extends AsyncDisposable {
  git(args: string[], options?: ScratchOptions): Promise<GitResult>;
  /** The trimmed output. @throws PlatformError internal when git fails */
  must(args: string[], options?: ScratchOptions): Promise<string>;
}

interface ScratchOptions {
  input?: string;
  onErrorLine?: (line: string) => void;
}

/** What a caller's environment says of another repository. */
const FOREIGN = [
  'GIT_DIR',
  'GIT_COMMON_DIR',
  'GIT_NAMESPACE',
  'GIT_OBJECT_DIRECTORY',
  'GIT_WORK_TREE',
  'GIT_INDEX_FILE',
];

/** `folder` is the work tree; `server` the one that gets the token. */
export async function createScratchRepository(
  ctx: CommandContext,
  { folder, server }: { folder: string; server: string },
): Promise<ScratchRepository> {
  const gitDir = await mkdtemp(join(tmpdir(), 'fn-deploy-'));
  const user = await findUserObjects(folder);
  const clean = {
    ...ctx.environment.inherited,
    ...Object.fromEntries(FOREIGN.map((name) => [name, undefined])),
    LC_ALL: 'C',
  };
  const environment = {
    ...clean,
    ...(await identityOf(ctx, folder)),
    GIT_DIR: gitDir,
    GIT_WORK_TREE: folder,
    GIT_INDEX_FILE: join(gitDir, 'index'),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: user?.objects,
    GIT_TERMINAL_PROMPT: '0',
    // Goes before what its configuration says.
    ...((await ctx.authorities.find(server)) !== null && {
      GIT_SSL_CAINFO: ctx.authorities.pathOf(server),
    }),
  };
  const settings = settingsFor(await ctx.credentialHelper(), server);

  const scratch: ScratchRepository = {
    git: (args, options = {}) =>
      runGit([...settings, ...args], { folder, environment, signal: ctx.signal, ...options }),
    async must(args, options) {
      const { code, stdout, stderr } = await scratch.git(args, options);
      if (code === 0) return stdout.trim();
      throw gitFailed(args, stderr);
    },
    [Symbol.asyncDispose]: () => rm(gitDir, { recursive: true, force: true }),
  };
  try {
    const init = ['init', '--quiet', '--bare', '--template=', '--object-format=sha1', gitDir];
    const { code, stderr } = await runGit(init, { folder, environment: clean });
    if (code !== 0) throw gitFailed(init, stderr);
    // A clone of limited depth says here where its history ends.
    if (user !== null) await copyFile(user.shallow, join(gitDir, 'shallow')).catch(() => {});
    return scratch;
  } catch (error) {
    await scratch[Symbol.asyncDispose]();
    throw error;
  }
}

export function gitFailed(args: string[], stderr: string): PlatformError {
  const reason = stderr.trim().split('\n').at(-1) ?? '';
  return new PlatformError('internal', `git ${args[0]} failed: ${reason}`, {
    hint: 'the folder and its repository are as they were; try git push fn instead',
  });
}

function settingsFor(program: string, server: string): string[] {
  const helper = `!'${program.replaceAll("'", String.raw`'\''`)}'`;
  const settings = [
    'core.hooksPath=/dev/null',
    'core.fsmonitor=false',
    'core.bare=false',
    'push.gpgSign=false',
    'push.followTags=false',
    'submodule.recurse=false',
    'credential.helper=',
    `credential.${server}.helper=`,
    `credential.${server}.helper=${helper}`,
  ];
  return settings.flatMap((setting) => ['-c', setting]);
}

/** Null outside of a repository, and where its object ids are none that a server takes. */
async function findUserObjects(
  folder: string,
): Promise<{ objects: string; shallow: string } | null> {
  const ask = [
    'rev-parse',
    '--show-object-format',
    '--git-path',
    'objects',
    '--git-path',
    'shallow',
  ];
  const { code, stdout } = await runGit(ask, { folder });
  const [format, objects, shallow] = stdout.split('\n');
  if (code !== 0 || format !== 'sha1' || objects === undefined || shallow === undefined)
    return null;
  return { objects: resolve(folder, objects), shallow: resolve(folder, shallow) };
}

/** A user who has never told git a name can deploy all the same. */
async function identityOf(ctx: CommandContext, folder: string): Promise<Record<string, string>> {
  const read = async (key: string, otherwise: string): Promise<string> => {
    const { code, stdout } = await runGit(['config', '--get', key], { folder });
    return (code === 0 && stdout.trim()) || otherwise;
  };
  const name = await read('user.name', 'fn deploy');
  const email = await read('user.email', 'fn-deploy@localhost');
  const { inherited } = ctx.environment;
  return {
    GIT_AUTHOR_NAME: inherited['GIT_AUTHOR_NAME'] ?? name,
    GIT_AUTHOR_EMAIL: inherited['GIT_AUTHOR_EMAIL'] ?? email,
    GIT_COMMITTER_NAME: inherited['GIT_COMMITTER_NAME'] ?? name,
    GIT_COMMITTER_EMAIL: inherited['GIT_COMMITTER_EMAIL'] ?? email,
  };
}
