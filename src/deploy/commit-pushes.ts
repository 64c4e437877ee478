import type { PublicAddress } from '../model/address.ts';
import type { PushOutcome } from '../model/push.ts';
import { ZERO_OID } from '../model/ref.ts';
import { shortRefName } from '../model/slug.ts';
import { PlatformError, type ErrorCode } from '../protocol/errors.ts';
import type { Principal, PushedRefs, WrittenFile } from '../protocol/git-front.ts';
import type { Clock } from '../std/clock.ts';
import { newId } from '../std/ids.ts';
import type { App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { findReserved } from '../store/deployments.ts';
import type { AppLives } from './app-lives.ts';
import type { Report, RepositoryPort } from './ports.ts';
import type { Pushes } from './push.ts';
import type { PushJournal } from './push-journal.ts';
import type { Reservations } from './reservation.ts';

/**
 * Files that somebody gives the API, as a push of a commit: written into the repository, built, warmed, and only then the
 * branch moves and the deployment goes live.
 */
export interface CommitPushes {
  /**
   * Resolves with what it printed when the commit is live. Until the branch has moved, the signal ends it and nothing has
   * changed; behind that it goes on to its end, if need be by the reconciler.
   * @throws PlatformError build-failed, release-failed, or conflict when the branch was moved meanwhile
   * @throws StoredCommit when the branch has moved, or may have, and the commit was not seen to go live
   */
  push(app: App, commit: CommitToPush, context: PushContext): Promise<string[]>;
  /** Whether what `push` has thrown is a StoredCommit. */
  isStored(error: unknown): boolean;
}

/** Nothing that belongs to the commit may be taken back: it is released, if it can be, by the reconciler. */
export class StoredCommit extends PlatformError {}

export interface CommitToPush {
  ref: string;
  /** Where the branch must still be; null for a branch that there is not. */
  parent: string | null;
  message: string;
  files: WrittenFile[];
}

export interface PushContext {
  by: Principal;
  signal: AbortSignal;
}

interface Deps {
  db: Database;
  repository: Pick<RepositoryPort, 'writeCommit' | 'moveBranch' | 'readRef'>;
  pushes: Pick<Pushes, 'preReceive' | 'postReceive'>;
  reservations: Pick<Reservations, 'fail'>;
  lives: Pick<AppLives, 'settle'>;
  journal: Pick<PushJournal, 'find'>;
  address: PublicAddress;
  clock: Clock;
}

/** Lines of one push that are told; a build that prints without end loses its first ones. */
const MAX_LINES = 500;
const PROBLEM = /^ !\s+(.*)$/;

export function createCommitPushes(deps: Deps): CommitPushes {
  const { db, repository, pushes, lives, address } = deps;

  async function write(app: App, commit: CommitToPush, by: Principal): Promise<PushedRefs> {
    const { ref, parent, message, files } = commit;
    const author = { name: by.tokenName, mail: `${by.tokenId}@${address.controlHost}` };
    const at = deps.clock.now();
    const written = await repository.writeCommit(app.id, { parent, author, at, message, files });
    const update = { ref, oldSha: parent ?? ZERO_OID, newSha: written.sha, commit: written };
    return { pushId: newId('push'), appId: app.id, principal: by, updates: [update] };
  }

  /** What was warmed for a branch that is not moved need not wait for the reconciler. */
  async function withdraw(pushed: PushedRefs): Promise<void> {
    const { appId, pushId, updates } = pushed;
    deps.journal.find(appId, pushId)?.end('superseded');
    for (const { ref, newSha } of updates) {
      const reserved = await findReserved(db, { appId, ref, commit: newSha, pushId });
      if (reserved?.pushId !== pushId) continue;
      await deps.reservations.fail(reserved, 'the branch was moved by somebody else meanwhile');
    }
  }

  function outcomeOf({ appId, pushId }: PushedRefs): PushOutcome | null {
    return deps.journal.find(appId, pushId)?.outcome ?? null;
  }

  function failure(pushed: PushedRefs, lines: string[]): PlatformError {
    const outcome = outcomeOf(pushed);
    const [message = 'the platform could not take it', ...more] = problemsIn(lines);
    const hint = more.at(-1);
    const details = { output: lines, ...(hint !== undefined && { hint }) };
    return new PlatformError(CODES[outcome ?? 'failed'] ?? 'unavailable', message, details);
  }

  /** False when the branch is elsewhere than expected. @throws StoredCommit when nobody knows */
  async function move(app: App, { ref, parent }: CommitToPush, pushed: Told): Promise<boolean> {
    const { sha, lines } = pushed;
    const moveOnce = () => repository.moveBranch(app.id, { ref, sha, expected: parent });
    const isThere = async () => (await repository.readRef(app.id, ref)) === sha;
    try {
      return await moveOnce();
    } catch (error) {
      try {
        // It may be asked twice: only from where it was is it moved.
        return (await isThere()) || (await moveOnce()) || (await isThere());
      } catch {
        throw notReleased(lines, error);
      }
    }
  }

  /** Behind the move of its branch. @throws StoredCommit */
  async function settle(app: App, pushed: PushedRefs, { report, lines }: Told): Promise<void> {
    let isReleased = false;
    try {
      await lives.settle(app);
      isReleased = await pushes.postReceive(pushed, report);
    } catch (error) {
      throw notReleased(lines, error);
    }
    if (isReleased) return;
    const code = CODES[outcomeOf(pushed) ?? 'failed'];
    const message = problemsIn(lines).at(-1);
    if (code === undefined || message === undefined) throw notReleased(lines);
    const hint = 'the commit is stored, and not live: fn releases shows what is';
    throw new StoredCommit(code, message, { hint, output: lines });
  }

  return {
    isStored: (error) => error instanceof StoredCommit,

    async push(app, commit, { by, signal }) {
      const lines: string[] = [];
      const report = (line: string): void => {
        lines.push(...line.split('\n'));
        if (lines.length > MAX_LINES) lines.splice(0, lines.length - MAX_LINES);
      };
      const pushed = await write(app, commit, by);
      if (!(await pushes.preReceive(pushed, report, signal))) throw failure(pushed, lines);
      const told = { sha: pushed.updates[0]?.newSha ?? '', report, lines };
      if (!(await move(app, commit, told))) {
        await withdraw(pushed);
        throw movedMeanwhile(app, commit.ref);
      }
      await settle(app, pushed, told);
      return lines;
    },
  };
}

interface Told {
  /** Of the commit. */
  sha: string;
  report: Report;
  /** What was reported so far. */
  lines: string[];
}

function problemsIn(lines: string[]): string[] {
  return lines.map((line) => PROBLEM.exec(line)?.[1]).filter((text) => text !== undefined);
}

const CODES: Partial<Record<string, ErrorCode>> = {
  refused: 'conflict',
  'build-failed': 'build-failed',
  'release-failed': 'release-failed',
  superseded: 'superseded',
  cancelled: 'conflict',
};

function movedMeanwhile(app: App, ref: string): PlatformError {
  const branch = shortRefName(ref);
  return new PlatformError('conflict', `${branch} of ${app.name} was pushed to meanwhile`, {
    hint: 'nothing was changed; look at what is there now and try again',
  });
}

function notReleased(output: string[], cause?: unknown): StoredCommit {
  return new StoredCommit(
    'unavailable',
    'the commit is stored, but its release was not confirmed',
    {
      hint: 'the platform takes it up again by itself within a minute',
      output,
      cause,
    },
  );
}
