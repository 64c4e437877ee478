import { PlatformError } from '../protocol/errors.ts';
import type { App } from '../store/apps.ts';

/** Each has a connection and asks the database whenever its app prints. */
const MAX_FOLLOWERS = 100;
const MAX_FOLLOWERS_PER_APP = 20;

interface LogFollower {
  onNews: () => void;
  onEnd: () => void;
}

/** Who follows which app's log now. */
export interface LogFollowers {
  /**
   * Calls back whenever the app has new entries, until the returned function is called.
   * @throws PlatformError busy
   */
  follow(app: Pick<App, 'id' | 'name'>, follower: LogFollower): () => void;
  /** Asks all who follow now to end. */
  endAll(): void;
  /** These apps have new entries, which can be read now. */
  announce(appIds: Iterable<string>): void;
  /** Names of the apps that somebody follows. */
  appNames(): string[];
}

/** @param onChange is told when other apps are followed than before */
export function createLogFollowers(onChange: (appNames: string[]) => void): LogFollowers {
  const followed = new Map<string, { name: string; listeners: Set<LogFollower> }>();
  let count = 0;
  const appNames = (): string[] => Array.from(followed.values(), ({ name }) => name);

  return {
    follow({ id, name }, follower) {
      const known = followed.get(id);
      if (count >= MAX_FOLLOWERS || (known?.listeners.size ?? 0) >= MAX_FOLLOWERS_PER_APP) {
        throw new PlatformError('busy', 'as many follow logs now as may at a time', {
          hint: 'end one of the others, or read without following: fn logs',
        });
      }
      const entry = known ?? { name, listeners: new Set<LogFollower>() };
      // An object of its own, so that who follows twice is two.
      const listener = { ...follower };
      entry.listeners.add(listener);
      count++;
      if (known === undefined) {
        followed.set(id, entry);
        onChange(appNames());
      }
      return () => {
        if (!entry.listeners.delete(listener)) return;
        count--;
        if (entry.listeners.size > 0) return;
        followed.delete(id);
        onChange(appNames());
      };
    },
    announce(appIds) {
      for (const id of appIds) {
        for (const listener of followed.get(id)?.listeners ?? []) listener.onNews();
      }
    },
    endAll() {
      for (const { listeners } of followed.values()) for (const { onEnd } of listeners) onEnd();
    },
    appNames,
  };
}
