import { shortSha } from '../protocol/display.ts';
import { PlatformError } from '../protocol/errors.ts';
import { failpoint } from '../std/failpoint.ts';
import type { App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { listReleases, type Deployment } from '../store/deployments.ts';
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
  /** Whether the environment of then comes back too, as a new version; without it the one of now holds. */
  hasEnvironment: boolean;
}

interface Deps {
  db: Database;
  deployAgain: DeployAgain;
  vault: Pick<EnvironmentPort, 'version' | 'restore'>;
}

export function createRollbacks({ db, deployAgain, vault }: Deps): Rollbacks {
  return {
    async rollback(app, { target, hasEnvironment }, { tokenId }) {
      const history = await listReleases(db, app.id);
      const source = target === null ? previousRelease(history) : findRelease(history, target);
      await failpoint('rollback.begun');
      const again = () => deployAgain(app, source, { trigger: 'rollback', tokenId });
      if (!hasEnvironment) return again();
      const before = await vault.version(app.id);
      const { version } = await vault.restore(app.id, source.envVersion, { tokenId });
      try {
        return await again();
      } catch (error) {
        // Unless somebody has changed it since, which is not ours to undo.
        if ((await vault.version(app.id)) === version) {
          await vault.restore(app.id, before, { tokenId });
        }
        throw error;
      }
    },
  };
}

/** The release before the live one; before the one that the live one went back to, if it is a rollback itself. */
export function previousRelease(history: Deployment[]): Deployment {
  const live = history[0];
  if (live === undefined) throw noneBefore();
  const before = (isOwnCode(live) ? live.version : live.sourceVersion) ?? 0;
  const previous = history.find((release) => (release.version ?? 0) < before && isOwnCode(release));
  if (previous) return previous;
  throw noneBefore();
}

function noneBefore(): PlatformError {
  return new PlatformError('not-found', 'there is no earlier release to go back to', {
    hint: 'what is live is the first that was: fn releases shows all. Another version goes live by a push: git push fn main',
  });
}

/** The release that somebody means by `v7`, `7` or the beginning of a SHA. */
export function findRelease(history: Deployment[], target: string): Deployment {
  const version = /^v?(\d{1,6})$/.exec(target)?.[1];
  const matches =
    version === undefined
      ? releasesOfCommit(history, target)
      : history.filter((release) => release.version === Number(version));
  const match = matches[0];
  if (match) return match;
  throw new PlatformError('not-found', `no release of this app is "${target}"`, {
    hint: 'fn releases shows versions and commits',
  });
}

const SHORTEST_PREFIX = 7;

function releasesOfCommit(history: Deployment[], prefix: string): Deployment[] {
  if (!/^[0-9a-f]+$/i.test(prefix) || prefix.length < SHORTEST_PREFIX) {
    throw new PlatformError('bad-request', `"${prefix}" is neither a version nor a commit`, {
      hint: `give v3, 3, or at least ${SHORTEST_PREFIX} digits of a commit's SHA`,
    });
  }
  const matches = history.filter((release) => release.commit.startsWith(prefix.toLowerCase()));
  const commits = new Set(matches.map((release) => release.commit));
  if (commits.size > 1) {
    const list = [...commits].map(shortSha).join(', ');
    throw new PlatformError('bad-request', `"${prefix}" is the beginning of ${list}`, {
      hint: 'give more digits',
    });
  }
  return matches;
}
