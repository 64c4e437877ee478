import { PlatformError } from '../../../protocol/errors.ts';
import type { Deployed, DeployTarget } from './deploy-target.ts';
import { push } from './deploy-folder.ts';

/** Hex digits of a commit in the name of its branch, as in its host name. */
const COMMIT_DIGITS = 12;

/** Deploys a commit of this repository, or one that the app's has, under a branch of its own. */
export async function deployCommit(
  target: DeployTarget,
  { prefix, branch: named }: { prefix: string; branch: string | undefined },
): Promise<Deployed> {
  const commit = (await find(target, prefix)) ?? (await findOnServer(target, prefix));
  if (commit === null) throw unknownCommit(target, prefix);
  const branch = named ?? `fn-deploy/${commit.slice(0, COMMIT_DIGITS)}`;
  const ref = `refs/heads/${branch}`;
  const { app, scratch, url, say } = target;
  const listed = app === null ? '' : await scratch.must(['ls-remote', url, ref]);
  if (listed.startsWith(commit)) return { commit, branch, isChanged: false };
  say(`-----> Deploying ${commit.slice(0, COMMIT_DIGITS)} to ${branch}`);
  if (await push(target, { commit, branch })) return { commit, branch, isChanged: true };
  throw new PlatformError('conflict', `${branch} holds what ${prefix} does not follow`, {
    hint: `to move it back: git push -f fn ${prefix}:${branch}`,
  });
}

async function find({ scratch }: DeployTarget, prefix: string): Promise<string | null> {
  const args = ['rev-parse', '--verify', '--quiet', `${prefix}^{commit}`];
  const { code, stdout } = await scratch.git(args);
  return code === 0 ? stdout.trim() : null;
}

/** A commit that somebody else has pushed, below a tip. */
async function findOnServer(target: DeployTarget, prefix: string): Promise<string | null> {
  const { app, scratch, url } = target;
  if (app === null) return null;
  await scratch.must([
    'fetch',
    '--quiet',
    url,
    '+refs/heads/*:refs/server/heads/*',
    '+refs/tags/*:refs/server/tags/*',
  ]);
  return find(target, prefix);
}

function unknownCommit({ appName }: DeployTarget, prefix: string): PlatformError {
  return new PlatformError(
    'not-found',
    `neither this repository nor ${appName} has a commit ${prefix}`,
    {
      hint: 'run it in the repository that has the commit, after: git fetch --all',
    },
  );
}
