import { refProblem, ZERO_OID } from '../model/ref.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { CommitInfo, GitForControl } from '../protocol/git-front.ts';
import type { RpcHandlers } from '../protocol/rpc.ts';
import { failpoint } from '../std/failpoint.ts';
import { sendArchive } from './archive.ts';
import { readCommit } from './commits.ts';
import { withObjects } from './object-reader.ts';
import type { GitPlace, GitRunner } from './git-runner.ts';
import type { GitLimits } from './limits.ts';
import type { ControlPort } from './ports.ts';
import type { Pushes } from './pushes.ts';
import { readRef, type Repositories } from './repositories.ts';
import { createWrittenCommits } from './written-commits.ts';

interface Deps {
  control: ControlPort;
  git: GitRunner;
  pushes: Pushes;
  repositories: Repositories;
}

const DEADLINE_MS = 30_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const FULL_SHA = /^[0-9a-f]{40}$/;
const LIVE_PREFIX = 'refs/live/';

/** What control may ask of the repositories. */
export function createControlCalls(deps: Deps, limits: GitLimits): RpcHandlers<GitForControl> {
  const { git, pushes, repositories } = deps;
  const written = createWrittenCommits(git);
  return {
    async sendArchive({ appId, sha, ticket, pushId }, { signal }) {
      if (!FULL_SHA.test(sha)) throw new PlatformError('bad-request', 'not a full commit id');
      await failpoint('git.archive-begun');
      const repository = await existing(repositories, appId);
      const push = pushId === null ? undefined : pushes.byId(pushId);
      const quarantine = push?.appId === appId ? push.quarantine : null;
      await sendArchive(
        { ...deps, limits },
        { place: { repository, quarantine }, sha, ticket, signal },
      );
      return null;
    },
    async listRefs({ appId }) {
      const repository = await repositories.find(appId);
      const before = pushes.ofApp(appId);
      const place = repository === null ? null : acceptedIn(repository);
      const refs = place === null ? [] : await listRefs(git, place);
      const live = place === null ? [] : await listLive(git, place);
      // A push that began meanwhile may have moved refs that were read already.
      const running = new Set([...before, ...pushes.ofApp(appId)]);
      const busyRefs = [...running].flatMap(({ updates }) => updates.map(({ ref }) => ref));
      return { isBusy: running.size > 0, busyRefs, refs, live };
    },
    async readRef({ appId, ref }) {
      const repository = await repositories.find(appId);
      return { sha: repository === null ? null : await readRef(repository, ref) };
    },
    listRepositories: async () => ({ appIds: await repositories.list() }),
    writeCommit: async ({ appId, commit }) =>
      written.write(await repositories.ensure(appId), commit),
    moveBranch: async ({ appId, ...move }) => ({
      isMoved: await written.moveBranch(await existing(repositories, appId), move),
    }),
    readFiles: async ({ appId, ...request }) =>
      written.readFiles(await existing(repositories, appId), request),
    async removeRepository({ appId }) {
      await repositories.remove(appId);
      return null;
    },
    async publishLive({ appId, refs }) {
      await failpoint('git.live-refs-asked');
      await publishLive(git, acceptedIn(await existing(repositories, appId)), refs);
      return null;
    },
  };
}

function acceptedIn(repository: string): GitPlace {
  return { repository, quarantine: null };
}

async function existing(repositories: Repositories, appId: string): Promise<string> {
  const repository = await repositories.find(appId);
  if (repository === null) throw new PlatformError('not-found', 'the app has no repository');
  return repository;
}

async function listRefs(
  git: GitRunner,
  place: GitPlace,
): Promise<{ ref: string; sha: string; commit: CommitInfo }[]> {
  const refs = await listNames(git, place, ['refs/heads', 'refs/tags']);
  const commits = await withObjects(git, place, (objects) =>
    Promise.all(refs.map(({ sha }) => readCommit(objects, sha))),
  );
  return refs.flatMap(({ ref, sha }, index) => {
    const commit = commits[index] ?? null;
    return commit === null ? [] : [{ ref, sha, commit }];
  });
}

async function listLive(git: GitRunner, place: GitPlace): Promise<{ name: string; sha: string }[]> {
  const refs = await listNames(git, place, ['refs/live']);
  return refs.map(({ ref, sha }) => ({ name: ref, sha }));
}

async function listNames(
  git: GitRunner,
  place: GitPlace,
  prefixes: string[],
): Promise<{ sha: string; ref: string }[]> {
  const args = ['for-each-ref', '--format=%(objectname) %(refname)', ...prefixes];
  const output = await read(git, place, args);
  return output.split('\n').flatMap((line) => {
    const space = line.indexOf(' ');
    return space === -1 ? [] : [{ sha: line.slice(0, space), ref: line.slice(space + 1) }];
  });
}

async function publishLive(
  git: GitRunner,
  place: GitPlace,
  refs: { name: string; sha: string | null }[],
): Promise<void> {
  const input = refs.map(({ name, sha }) => {
    const rest = name.startsWith(LIVE_PREFIX) ? name.slice(LIVE_PREFIX.length) : '';
    const isValid = refProblem(`refs/heads/${rest}`) === null;
    if (!isValid || (sha !== null && !FULL_SHA.test(sha))) {
      throw new PlatformError('bad-request', 'not an update of refs/live/');
    }
    // To the zero id is a deletion, also of what is not there.
    return `update ${name}\0${sha ?? ZERO_OID}\0\0`;
  });
  const { code } = await git.run({
    place,
    args: ['update-ref', '--stdin', '-z'],
    input: input.join(''),
    deadlineMs: DEADLINE_MS,
    maxOutputBytes: 0,
  });
  if (code !== 0) throw new PlatformError('internal', 'git update-ref failed');
}

async function read(git: GitRunner, place: GitPlace, args: string[]): Promise<string> {
  const { code, output } = await git.run({
    place,
    args,
    input: '',
    deadlineMs: DEADLINE_MS,
    maxOutputBytes: MAX_OUTPUT_BYTES,
  });
  if (code !== 0) throw new PlatformError('internal', `git ${args[0]} failed`);
  return output.toString('utf8');
}
