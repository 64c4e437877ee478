import { PlatformError } from '../../protocol/errors.ts';
import { type GitResult, runGit } from './git.ts';

/** The `fn` remote of a repository. */
interface FnRemote {
  server: string;
  appName: string;
}

export const REMOTE_NAME = 'fn';
const REMOTE_URL = /^(https?:\/\/[^/]+)\/([^/]+)\.git$/;

/** The user's repository around a folder, by the user's own git. */
export interface Repository {
  /** Whether the folder is in a work tree. */
  exists(): Promise<boolean>;
  create(): Promise<void>;
  readRemote(): Promise<FnRemote | null>;
  /** The remote's URL as it stands, whatever it is. */
  readRemoteUrl(): Promise<string | null>;
  /** Replaces all values of a key in the repository's own configuration. */
  setConfig(key: string, values: string[]): Promise<void>;
}

export function openRepository(folder: string): Repository {
  async function readRemoteUrl(): Promise<string | null> {
    const { code, stdout } = await git(folder, ['config', '--get', `remote.${REMOTE_NAME}.url`]);
    return code === 0 ? stdout.trim() : null;
  }

  async function mustRun(args: string[]): Promise<void> {
    const { code, stderr } = await git(folder, args);
    if (code === 0) return;
    throw new PlatformError('internal', `git ${args[0]} failed: ${stderr.trim()}`, {
      hint: `run it by hand: git ${args.join(' ')}`,
    });
  }

  return {
    async exists() {
      return (await git(folder, ['rev-parse', '--is-inside-work-tree'])).code === 0;
    },
    create: () => mustRun(['init', '--quiet', '--initial-branch=main']),
    readRemoteUrl,
    async readRemote() {
      const [, server, appName] = REMOTE_URL.exec((await readRemoteUrl()) ?? '') ?? [];
      return server === undefined || appName === undefined ? null : { server, appName };
    },
    async setConfig(key, values) {
      await git(folder, ['config', '--local', '--unset-all', key]); // Fails when there is none.
      for (const value of values) await mustRun(['config', '--local', '--add', key, value]);
    },
  };
}

function git(folder: string, args: string[]): Promise<GitResult> {
  return runGit(args, { folder });
}
