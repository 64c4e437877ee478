import {
  access,
  cp,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { simpleGit } from 'simple-git';
import { refProblem, ZERO_OID } from '../model/ref.ts';
import { PlatformError } from '../protocol/errors.ts';
import { syncFolder, writeFileAtomically } from '../std/atomic-file.ts';
import { failpoint } from '../std/failpoint.ts';
import { randomName } from '../std/ids.ts';
import { removeLeftovers } from './leftovers.ts';

const APP_ID = /^app-[a-z2-7]{12}$/;
/** Variables that simple-git would take away: without them git reads a configuration that is not ours. */
const CONFIGURATION = ['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_NOSYSTEM', 'GIT_TERMINAL_PROMPT'];

const MAIN = 'refs/heads/main';
const MASTER = 'refs/heads/master';

/** The bare repositories, one per app, named by the app's id: no path ever holds a word of a client. */
export interface Repositories {
  /** A repository without a ref, for showing what a new one would hold. */
  readonly empty: string;
  /** @throws bad-request for what is no app id */
  pathOf(appId: string): string;
  /** The app's repository, or null when it was never made. */
  find(appId: string): Promise<string | null>;
  /** The app's repository, made when it was missing. */
  ensure(appId: string): Promise<string>;
  /** Ids of the apps that have one. */
  list(): Promise<string[]>;
  /** Whatever git processes do with it: they fail. */
  remove(appId: string): Promise<void>;
}

/** Prepares the template that every repository is a copy of. */
export async function openRepositories(options: {
  repositoriesDir: string;
  stateDir: string;
}): Promise<Repositories> {
  await mkdir(options.repositoriesDir, { recursive: true });
  // Hooks report git's own idea of a path, which has no links in it.
  const root = await realpath(options.repositoriesDir);
  const empty = await makeTemplate(options.stateDir);
  await removeLeftovers(root);

  function pathOf(appId: string): string {
    if (!APP_ID.test(appId)) throw new PlatformError('bad-request', 'not an app id');
    return join(root, `${appId}.git`);
  }

  async function find(appId: string): Promise<string | null> {
    const path = pathOf(appId);
    return (await exists(path)) ? path : null;
  }

  return {
    empty,
    pathOf,
    find,
    ensure: async (appId) => (await find(appId)) ?? copyTemplate(empty, pathOf(appId)),
    list: async () =>
      (await readdir(root)).flatMap((name) => {
        const id = name.slice(0, -'.git'.length);
        return name.endsWith('.git') && APP_ID.test(id) ? [id] : [];
      }),
    remove: (appId) => removeWhole(pathOf(appId)),
  };
}

/**
 * Makes `master` what a clone checks out when it is pushed first: until then HEAD names a `main` that nobody may ever
 * push. Later pushes change nothing.
 */
export async function followFirstBranch(
  repository: string,
  moved: { ref: string; oldSha: string }[],
): Promise<void> {
  const isFirst = moved.some(({ ref, oldSha }) => ref === MASTER && oldSha === ZERO_OID);
  if (!isFirst || moved.some(({ ref }) => ref === MAIN)) return;
  // Refs are never packed here, so a branch that exists has a file.
  if (await isReadable(join(repository, MAIN))) return;
  await writeFileAtomically(join(repository, 'HEAD'), `ref: ${MASTER}\n`);
}

/** The object that a branch or tag is at, or null when there is none of the name. @throws bad-request */
export async function readRef(repository: string, ref: string): Promise<string | null> {
  if (refProblem(ref) !== null) {
    throw new PlatformError('bad-request', 'not the name of a branch or tag');
  }
  try {
    // Refs are never packed here, and git replaces the file of one whole.
    return (await readFile(join(repository, ref), 'utf8')).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A folder where other branches stand, or a branch where a folder would have to be, is no branch of the name.
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return null;
    throw error;
  }
}

async function makeTemplate(stateDir: string): Promise<string> {
  const path = join(stateDir, 'empty.git');
  await rm(path, { recursive: true, force: true });
  await mkdir(join(path, 'info'), { recursive: true });
  await simpleGit(path, { allowEnvironment: CONFIGURATION }).init(true);
  // A pusher's .gitattributes must not decide what of the pushed source reaches the build.
  await writeFile(join(path, 'info', 'attributes'), '* -export-ignore -export-subst\n');
  return path;
}

/** Whole or not at all: the copy gets its name when it is complete. A second maker finds the first one's. */
async function copyTemplate(template: string, path: string): Promise<string> {
  const temporary = `${path}.${randomName(6)}.tmp`;
  try {
    await cp(template, temporary, { recursive: true });
    await failpoint('git.repository-copied');
    await rename(temporary, path);
    await syncFolder(join(path, '..'));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (!(await exists(path))) throw error;
  }
  return path;
}

/** Gone at once; what is left of it after a crash has a name that `removeLeftovers` knows. */
async function removeWhole(path: string): Promise<void> {
  const temporary = `${path}.${randomName(6)}.tmp`;
  try {
    await rename(path, temporary);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await syncFolder(join(path, '..'));
  await failpoint('git.repository-gone');
  await rm(temporary, { recursive: true, force: true, maxRetries: 3 });
}

function exists(repository: string): Promise<boolean> {
  return isReadable(join(repository, 'HEAD'));
}

function isReadable(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
