import type { ServerResponse } from 'node:http';
import type { Clock } from '../../std/clock.ts';
import type { Lock } from './lock.ts';

/** What goes on being answered to who was let in by a link: it ends when the link does, or opens this no more. */
export interface Visits {
  /** From now on until it is answered. `lock` is asked each time: routes are replaced. */
  begin(visit: Visit): void;
  /** Locks have changed. */
  look(): void;
}

export interface Visit {
  response: Pick<ServerResponse, 'on' | 'destroy'>;
  secrets: readonly string[];
  /** Null where anybody may come by now. */
  lock: () => Lock | null;
}

/** Links end by time, too: within a second. */
const LOOK_INTERVAL_MS = 500;

export function createVisits(clock: Clock): Visits {
  const visits = new Set<Visit>();
  let cancel: (() => void) | null = null;

  function look(): void {
    const nowMs = clock.now();
    for (const visit of visits) if (!mayGoOn(visit, nowMs)) end(visit);
  }

  function end(visit: Visit): void {
    visits.delete(visit);
    visit.response.destroy();
  }

  function lookOn(): void {
    look();
    cancel = visits.size === 0 ? null : clock.after(LOOK_INTERVAL_MS, lookOn);
  }

  return {
    begin(visit) {
      visits.add(visit);
      visit.response.on('close', () => visits.delete(visit));
      cancel ??= clock.after(LOOK_INTERVAL_MS, lookOn);
    },
    look,
  };
}

function mayGoOn({ lock, secrets }: Visit, nowMs: number): boolean {
  const present = lock();
  return present === null || secrets.some((secret) => present.opensUntil(secret, nowMs) !== null);
}
