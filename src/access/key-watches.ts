/**
 * Connections that somebody opened with an SSH key. They are ended within a second once the key is removed, or its token
 * is revoked or expires, by whatever process: found by looking twice a second, for all keys in one query. A database
 * that cannot answer ends none: what they ask for is decided anew for each push, and nothing of it goes on without it.
 */
import type { Clock } from '../std/clock.ts';
import type { Queryable } from '../store/database.ts';
import { findValidSshKeys } from '../store/ssh-keys.ts';

const LOOK_INTERVAL_MS = 400;

export interface KeyWatches {
  /** Calls back once, when nobody is known by the key any more, unless the returned function is called before. */
  watch(fingerprint: string, onEnd: () => void): () => void;
}

interface Watch {
  fingerprint: string;
  onEnd: () => void;
}

export function createKeyWatches({ db, clock }: { db: Queryable; clock: Clock }): KeyWatches {
  const watches = new Set<Watch>();
  let isLooking = false;

  async function look(): Promise<void> {
    const asked = [...watches];
    try {
      const fingerprints = [...new Set(asked.map(({ fingerprint }) => fingerprint))];
      const valid = await findValidSshKeys(db, fingerprints, new Date(clock.now()));
      for (const watch of asked) {
        if (!valid.has(watch.fingerprint) && watches.delete(watch)) watch.onEnd();
      }
    } catch {
      // Asked again in a moment.
    }
  }

  function lookOn(): void {
    isLooking = watches.size > 0;
    if (isLooking) clock.after(LOOK_INTERVAL_MS, () => void look().finally(lookOn));
  }

  return {
    watch(fingerprint, onEnd) {
      const watch = { fingerprint, onEnd };
      watches.add(watch);
      if (!isLooking) lookOn();
      return () => void watches.delete(watch);
    },
  };
}
