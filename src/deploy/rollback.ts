import { shortSha } from '../protocol/display.ts';
import { PlatformError } from '../protocol/errors.ts';
import { failpoint } from '../std/failpoint.ts';
import type { App } from '../store/apps.ts';
import type { Database, Queryable } from '../store/database.ts';
import type { Deployment } from '../store/deployments.ts';
import {
  findLastRelease,
  findOwnReleaseBelow,
  findReleaseOfVersion,
  listReleasesOfCommit,
} from '../store/releases.ts';
import { isOwnCode, type DeployAgain, type DeployedAgain } from './deploy-again.ts';
import type { EnvironmentPort } from './ports.ts';

/** Makes an old bundle live again, as a new version. The branch stays where it is. */
export interface Rollbacks {
  /**
   * `target` is `v7`, `7`, or a SHA or a unique prefix of one; null for the release before the live one.
   * @throws PlatformError not-found, bad-request, release-failed
   */
  rollback(app: App, request: RollbackRequest, by: { tokenId: string }): Promise<DeployedAgain>;
}

export interface RollbackRequest {
  target: string | null;
  /**
   * Whether the environment of then comes back too, as a new version and together with the code, or not at all; without it
   * the one of now holds.
   */
  hasEnvironment: boolean;
}

interface Deps {
  db: Database;
  deployAgain: DeployAgain;
  vault: Pick<EnvironmentPort, 'restore'>;
}

export function createRollbacks({ db, deployAgain, vault }: Deps): Rollbacks {
  return {
    async rollback(app, { target, hasEnvironment }, { tokenId }) {
      const source = await (target === null
        ? previousRelease(db, app.id)
        : findRelease(db, app.id, target));
      await failpoint('rollback.begun');
      const by = { trigger: 'rollback' as const, tokenId };
      if (!hasEnvironment) return deployAgain(app, source, by);
      const { envVersion } = source;
      const restore = (tx: Queryable) => vault.restore(app.id, envVersion, { tokenId }, tx);
      return deployAgain(app, source, { ...by, environment: { version: envVersion, restore } });
    },
  };
}

/** The release before the live one; before the one that the live one went back to, if it is a rollback itself. */
export async function previousRelease(db: Queryable, appId: string): Promise<Deployment> {
  const live = await findLastRelease(db, appId);
  if (live === null) throw noneBefore();
  const before = (isOwnCode(live) ? live.version : live.sourceVersion) ?? 0;
  const previous = await findOwnReleaseBelow(db, appId, before);
  if (previous !== null) return previous;
  throw noneBefore();
}

function noneBefore(): PlatformError {
  return new PlatformError('not-found', 'there is no earlier release to go back to', {
    hint: 'what is live is the first that was: fn releases shows all. Another version goes live by a push: git push fn main',
  });
}

/** The release that somebody means by `v7`, `7` or the beginning of a SHA. */
export async function findRelease(
  db: Queryable,
  appId: string,
  target: string,
): Promise<Deployment> {
  const version = /^v?(\d{1,6})$/.exec(target)?.[1];
  const found =
    version === undefined
      ? await releaseOfCommit(db, appId, target)
      : await findReleaseOfVersion(db, appId, Number(version));
  if (found !== null) return found;
  throw new PlatformError('not-found', `no release of this app is "${target}"`, {
    hint: 'fn releases shows versions and commits',
  });
}

const SHORTEST_PREFIX = 7;
/** Of the commits that begin alike, so many are named. */
const MAX_NAMED_COMMITS = 5;

async function releaseOfCommit(
  db: Queryable,
  appId: string,
  text: string,
): Promise<Deployment | null> {
  if (!/^[0-9a-f]+$/i.test(text) || text.length < SHORTEST_PREFIX) {
    throw new PlatformError('bad-request', `"${text}" is neither a version nor a commit`, {
      hint: `give v3, 3, or at least ${SHORTEST_PREFIX} digits of a commit's SHA`,
    });
  }
  const prefix = text.toLowerCase();
  const found = await listReleasesOfCommit(db, appId, { prefix, limit: MAX_NAMED_COMMITS });
  if (found.length > 1) {
    const list = found.map(({ commit }) => shortSha(commit)).join(', ');
    throw new PlatformError('bad-request', `"${text}" is the beginning of ${list}`, {
      hint: 'give more digits',
    });
  }
  return found[0] ?? null;
}
