/**
 * Who was let in for longer than a moment: streams of logs, and of what a push prints. What is decided about their
 * token holds for them within a second:
 *
 * - one that is revoked by this process ends its streams at once;
 * - whatever else changes, by time, by another process or by hand, is found by looking twice a second, for all tokens in
 *   one query. A database that says it cannot answer ends the streams, as does one that says nothing for too long.
 */
import type { Clock } from '../std/clock.ts';
import type { Queryable } from '../store/database.ts';
import { findTokens, type TokenRow } from '../store/tokens.ts';
import type { Actor } from './authorise.ts';
import { can, type Action } from './can.ts';

const LOOK_INTERVAL_MS = 400;
/** A busy database may take its time; nobody reads on for longer without having been asked about. */
const MAX_SILENCE_MS = 5_000;

export interface Watches {
  /** Calls back once, when the actor may do this no more, unless the returned function is called before. */
  watch(actor: Actor, permission: Permission, onEnd: () => void): () => void;
  /** The token is revoked. */
  end(tokenId: string): void;
  /** The app is gone. */
  endApp(appId: string): void;
}

export interface Permission {
  action: Action;
  appId: string | null;
}

interface Watch extends Permission {
  tokenId: string;
  expiresAt: Date | null;
  end: () => void;
}

interface Deps {
  db: Queryable;
  clock: Clock;
}

export function createWatches({ db, clock }: Deps): Watches {
  const watches = new Set<Watch>();
  let isLooking = false;

  async function look(): Promise<void> {
    for (const watch of watches) if (hasExpired(watch)) watch.end();
    const asked = [...watches];
    const endAll = (): void => asked.forEach(({ end }) => end());
    const cancel = clock.after(MAX_SILENCE_MS, endAll);
    try {
      const ids = [...new Set(asked.map(({ tokenId }) => tokenId))];
      const tokens = new Map((await findTokens(db, ids)).map((token) => [token.id, token]));
      for (const watch of asked) if (!isAllowed(tokens.get(watch.tokenId), watch)) watch.end();
    } catch {
      // Nobody can say that they still may; a client comes back when it can.
      endAll();
    } finally {
      cancel();
    }
  }

  function lookOn(): void {
    if (watches.size === 0) {
      isLooking = false;
      return;
    }
    isLooking = true;
    clock.after(LOOK_INTERVAL_MS, () => void look().finally(lookOn));
  }

  function isAllowed(token: TokenRow | undefined, { action, appId }: Permission): boolean {
    if (token === undefined || token.revokedAt !== null || hasExpired(token)) return false;
    return can(token, action, appId);
  }

  function hasExpired({ expiresAt }: { expiresAt: Date | null }): boolean {
    return expiresAt !== null && expiresAt.getTime() <= clock.now();
  }

  return {
    watch({ tokenId, expiresAt }, permission, onEnd) {
      const watch: Watch = {
        ...permission,
        tokenId,
        expiresAt,
        end() {
          if (watches.delete(watch)) onEnd();
        },
      };
      watches.add(watch);
      if (!isLooking) lookOn();
      return () => void watches.delete(watch);
    },
    end(tokenId) {
      for (const watch of watches) if (watch.tokenId === tokenId) watch.end();
    },
    endApp(appId) {
      for (const watch of watches) if (watch.appId === appId) watch.end();
    },
  };
}
