import { shortSha } from '../protocol/display.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import type { App } from '../store/apps.ts';
import { findBundle } from '../store/builds.ts';
import type { Database } from '../store/database.ts';
import { listReleases, type Deployment } from '../store/deployments.ts';
import { describeInitFailure } from './report.ts';
import type { Releases, Released } from './release.ts';
import type { Reservation, Reservations } from './reservation.ts';

/** Makes an old bundle live again, as a new version. The branch stays where it is. */
export interface Rollbacks {
  /**
   * `target` is `v7`, `7`, or a SHA or a unique prefix of one; null for the release before the live one.
   * @throws PlatformError not-found, bad-request, release-failed
   */
  rollback(app: App, target: string | null, by: { tokenId: string }): Promise<RolledBack>;
}

export interface RolledBack extends Released {
  elapsedMs: number;
}

interface Deps {
  db: Database;
  reservations: Reservations;
  releases: Releases;
  clock: Clock;
}

export function createRollbacks({ db, reservations, releases, clock }: Deps): Rollbacks {
  return {
    async rollback(app, target, by) {
      const beganAt = clock.monotonicMs();
      const history = await listReleases(db, app.id);
      const source = target === null ? previousRelease(history) : findRelease(history, target);
      const reservation = await reservations.reserve({
        app,
        ref: source.ref,
        kind: 'production',
        commit: { sha: source.commit, tree: '', subject: source.subject, author: source.author },
        trigger: 'rollback',
        pushId: null,
        createdBy: by.tokenId,
        sourceVersion: source.version,
      });
      try {
        await warm(app, reservation, source);
        const released = await releases.release(app, reservation.id, { isPush: false });
        if (released === null) throw new PlatformError('conflict', 'the rollback was overtaken');
        return { ...released, elapsedMs: clock.monotonicMs() - beganAt };
      } catch (error) {
        await reservations.fail(reservation, 'the rollback did not succeed');
        throw error;
      } finally {
        reservations.letGo(reservation.id);
      }
    },
  };

  /** @throws PlatformError release-failed, or busy when no worker can be had */
  async function warm(app: App, reservation: Reservation, source: Deployment): Promise<void> {
    const bundle = source.bundle && (await findBundle(db, app.id, source.bundle));
    if (!bundle) throw new Error(`the bundle of ${source.id} is gone`);
    const prepared = await reservations.warm(reservation, { ...bundle, entries: {} }, null);
    if (prepared.kind === 'unavailable') throw new PlatformError('busy', prepared.message);
    if (prepared.kind === 'ready') return;
    const reason = describeInitFailure(prepared.failure);
    throw new PlatformError('release-failed', `v${source.version} does not start: ${reason}`, {
      hint: 'what was live before still serves; choose another version with: fn releases',
    });
  }
}

/** The release before the live one; before the one that the live one went back to, if it is a rollback itself. */
export function previousRelease(history: Deployment[]): Deployment {
  const live = history[0];
  const before = live?.sourceVersion ?? live?.version ?? 0;
  const previous = history.find(
    (release) => (release.version ?? 0) < before && release.sourceVersion === null,
  );
  if (previous) return previous;
  throw new PlatformError('not-found', 'there is no earlier release to go back to', {
    hint: 'fn releases',
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
