import { basename } from 'node:path';
import { shortSha } from '../../../protocol/display.ts';
import { PlatformError } from '../../../protocol/errors.ts';
import type { Deployed, DeployTarget } from './deploy-target.ts';
import { type FolderFiles, listFolderFiles } from './folder-files.ts';
import { runGit } from '../../git/git.ts';
import { pushCommit } from './push-commit.ts';
import { listPushes, requireSuccess } from './running-pushes.ts';

interface FolderRequest {
  folder: string;
  branch?: string;
  message?: string;
}

/** Other pushes of the branch that this one lets pass. */
const MAX_ATTEMPTS = 3;

/** Deploys what stands in a folder, on top of what its branch holds. @throws PlatformError */
export async function deployFolder(
  target: DeployTarget,
  request: FolderRequest,
): Promise<Deployed> {
  const { scratch, app, say } = target;
  const branch = request.branch ?? app?.productionBranch ?? 'main';
  const listed = await listFolderFiles(scratch, request.folder);
  if (listed.files.length === 0) throw nothingThere(request.folder);
  sayWhatIsLeftOut(listed, say);
  const tree = await writeTree(target, listed.files);

  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const tip = await fetchTip(target, branch);
    if (tip !== null && (await serves(target, { branch, tip, tree }))) {
      return { commit: tip, branch, isChanged: false };
    }
    const commit = await chooseCommit(target, { ...request, tree, tip });
    const files = listed.files.length === 1 ? '1 file' : `${listed.files.length} files`;
    say(
      `-----> Deploying ${files} of ${basename(request.folder)} as ${shortSha(commit)} to ${branch}`,
    );
    if (await push(target, { commit, branch })) return { commit, branch, isChanged: true };
  }
  throw new PlatformError('conflict', `${branch} was moved by other pushes all the time`, {
    hint: 'run fn deploy again',
  });
}

/** False when another push of the branch was faster. @throws PlatformError when the platform declines it */
export async function push(
  target: DeployTarget,
  { commit, branch }: { commit: string; branch: string },
): Promise<boolean> {
  const { scratch, url, client, appName, say } = target;
  const answer = await pushCommit(scratch, { url, sha: commit, ref: `refs/heads/${branch}` }, say);
  if (answer.kind !== 'declined') return answer.kind !== 'overtaken';
  const pushes = await listPushes(client, appName);
  const record = pushes.find(({ refs }) => refs.some((ref) => ref.commit === commit));
  // One that was accepted and yet declined lost the ref to another in between.
  if (record?.outcome === null) return false;
  requireSuccess(record?.outcome ?? 'refused');
  return false;
}

async function writeTree({ scratch }: DeployTarget, files: string[]): Promise<string> {
  await scratch.must(['update-index', '--add', '-z', '--stdin'], { input: files.join('\0') });
  return scratch.must(['write-tree']);
}

/** What the branch points at, with its objects at hand; null when there is none. */
async function fetchTip(
  { scratch, app, url }: DeployTarget,
  branch: string,
): Promise<string | null> {
  if (app === null) return null;
  const ref = `refs/heads/${branch}`;
  const listed = await scratch.must(['ls-remote', url, ref]);
  const tip = listed
    .split('\n')
    .find((line) => line.endsWith(`\t${ref}`))
    ?.slice(0, 40);
  if (tip === undefined) return null;
  const isAtHand = (await scratch.git(['cat-file', '-e', `${tip}^{commit}`])).code === 0;
  if (!isAtHand) await scratch.must(['fetch', '--quiet', '--depth=1', '--no-tags', url, ref]);
  return tip;
}

/** Whether the branch's host answers with this very tree now. */
async function serves(
  { scratch, client, appName }: DeployTarget,
  { branch, tip, tree }: { branch: string; tip: string; tree: string },
): Promise<boolean> {
  if ((await scratch.must(['rev-parse', `${tip}^{tree}`])) !== tree) return false;
  const params = { app: appName, deployment: `refs/heads/${branch}` };
  const live = await client.call('getDeployment', { params }).catch(() => null);
  return live?.isCurrent === true && live.commit === tip;
}

interface NewCommit extends FolderRequest {
  tree: string;
  tip: string | null;
}

/**
 * The commit that is checked out, when the folder holds just that and it follows the branch: then a later `git push`
 * finds the same history. A new commit otherwise.
 */
async function chooseCommit({ scratch }: DeployTarget, request: NewCommit): Promise<string> {
  const { folder, message, tree, tip } = request;
  const head = await runGit(['rev-parse', '--verify', '--quiet', 'HEAD'], { folder });
  const headSha = head.code === 0 ? head.stdout.trim() : null;
  if (headSha !== null && message === undefined) {
    const isWhole = await scratch.git(['rev-parse', '--verify', '--quiet', `${headSha}^{tree}`]);
    const follows = ['merge-base', '--is-ancestor', tip ?? headSha, headSha];
    const isNext = headSha !== tip && (await scratch.git(follows)).code === 0;
    if (isWhole.stdout.trim() === tree && isNext) return headSha;
  }
  const from = headSha === null ? '' : ` from ${shortSha(headSha)}`;
  const subject = message ?? `Deploy ${basename(folder)}${from}`;
  const parent = tip === null ? [] : ['-p', tip];
  return scratch.must(['commit-tree', tree, ...parent, '-m', subject]);
}

function sayWhatIsLeftOut(
  { secrets, repositories, misnamed }: FolderFiles,
  say: (line: string) => void,
): void {
  if (secrets.length > 0) {
    say(` !     Left out: ${shortList(secrets)}. Values are set with: fn env set NAME=VALUE`);
  }
  if (repositories.length > 0) {
    say(` !     Left out: ${shortList(repositories)}, which is a repository of its own`);
  }
  if (misnamed.length > 0) {
    say(` !     Left out: ${shortList(misnamed)}: names that are no UTF-8`);
  }
}

const MAX_NAMED = 5;

function shortList(paths: string[]): string {
  const more = paths.length - MAX_NAMED;
  const named = paths.slice(0, MAX_NAMED).join(', ');
  return more > 0 ? `${named} and ${more} more` : named;
}

function nothingThere(folder: string): PlatformError {
  return new PlatformError('bad-request', `${folder} holds no file to deploy`, {
    hint: 'left out are what .gitignore names, node_modules, .env* and .fn; see: git status --ignored',
  });
}
