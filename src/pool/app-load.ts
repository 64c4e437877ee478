import type { StartBudget, StartRate } from './start-budget.ts';

/**
 * What the functions of one app, in all its deployments, take of the platform together. Each pool asks here before it
 * takes more, so that one app at its limits leaves starts, memory and connections to the others.
 */

export interface AppLimits {
  /** Workers; what a release holds ready comes on top, which has a bound of its own. */
  workers: number;
  /** The memory that those workers may come to; one worker may run whatever it has. */
  memoryMib: number;
  /** Workers that start at a time: who waits for a zygote waits behind no more of another app. */
  starts: number;
  /** Requests that wait or are under way, each a connection of the door. */
  requests: number;
}

/** What one app may take of a machine with so much memory: half of it. */
export function appLimitsOf(machineBytes: number): AppLimits {
  const memoryMib = Math.floor(machineBytes / 2 / (1024 * 1024));
  return { workers: 64, memoryMib, starts: 8, requests: 5_000 };
}

/** The workers of one function, as the others of its app see them. */
export interface AppMember {
  /** Names the function. */
  readonly key: string;
  readonly workerCount: number;
  readonly startingCount: number;
  readonly leavingCount: number;
  readonly inFlight: number;
  /** Of each of its workers. */
  readonly memoryMib: number;
  /** Since when the longest idle of its workers that may end has nothing to do; null when there is none. */
  readonly idleSinceMs: number | null;
  /** Ends that one. */
  endIdle(): void;
  /** Ends the one with the least to do, after that. */
  endLeastBusy(): void;
  /** There may be room for another worker now. */
  roomMade(): void;
}

export class AppLoad {
  readonly #limits: AppLimits;
  readonly #budget: StartBudget;
  readonly #members = new Set<AppMember>();
  /** Requests that may come before they are counted again: what ends in between only makes room. */
  #uncounted = 0;
  /** Somebody waits for a worker, and none was idle. */
  #isShort = false;
  /** Of which functions other data processes wait for one to end, when it is idle; null for any. */
  readonly #wantedElsewhere: (string | null)[] = [];
  readonly #spread: () => number;

  /** @param spread in how many data processes the app has workers */
  constructor(limits: AppLimits, budget: StartBudget, spread: () => number = () => 1) {
    this.#limits = limits;
    this.#budget = budget;
    this.#spread = spread;
  }

  get startRate(): StartRate {
    return this.#budget.rate;
  }

  /** Like StartBudget's. */
  get startsOpenInMs(): number {
    return this.#budget.opensInMs;
  }

  /** Nobody uses it, and nothing is lost with it. */
  get isForgettable(): boolean {
    return this.#members.size === 0 && this.#budget.isFull;
  }

  join(member: AppMember): void {
    this.#members.add(member);
  }

  /** When it has no workers any more. */
  leave(member: AppMember): void {
    this.#members.delete(member);
  }

  /** Asked for each request; counting them all each time would cost more than serving some. */
  takesRequest(): boolean {
    if (this.#uncounted === 0) this.#uncounted = this.#roomForRequests();
    if (this.#uncounted === 0) return false;
    this.#uncounted -= 1;
    return true;
  }

  /** How many more workers of so much memory may be started now. */
  startsAllowed(memoryMib: number): number {
    const { workers, starting, usedMib } = this.#sum();
    const byMemory = Math.floor((this.#limits.memoryMib - usedMib) / memoryMib);
    const byCount = this.#limits.workers - workers;
    const left = Math.min(byMemory, byCount, this.#limits.starts - starting);
    return Math.min(this.#budget.left, Math.max(workers === 0 ? 1 : 0, left));
  }

  /** To be told of each start, whether it was asked for or must be. */
  spendStarts(starts: number): void {
    this.#budget.spend(starts);
  }

  /** Like StartBudget's: takes a start that may come after so long. */
  reserveStart(waitMs: number): number | null {
    return this.#budget.reserve(waitMs);
  }

  /** Called by a member that may start no worker: the longest idle one of the app ends, if none is ending already. */
  makeRoom(): void {
    for (const { leavingCount, startingCount } of this.#members) {
      if (leavingCount > 0 || startingCount > 0) return;
    }
    const idlest = idlestOf([...this.#members]);
    if (idlest === null) this.#isShort = true;
    else idlest.endIdle();
  }

  /**
   * Another data process needs one of the app's workers more, of the function if one is named. An idle one ends, as soon
   * as there is one; when one must end and none is idle, another ends after what it has.
   */
  makeRoomElsewhere({ of, mustEnd }: { of: string | null; mustEnd: boolean }): void {
    const members = [...this.#members].filter(({ key }) => of === null || key === of);
    const idlest = idlestOf(members);
    if (idlest !== null) return idlest.endIdle();
    const [largest] = members.toSorted((a, b) => b.workerCount - a.workerCount);
    if (mustEnd) largest?.endLeastBusy();
    else if (this.#wantedElsewhere.length < this.#limits.workers) this.#wantedElsewhere.push(of);
  }

  /** Called by a member one of whose workers has nothing left to do. */
  becameIdle(): void {
    if (this.#isShort) this.roomMade();
    const of = this.#wantedElsewhere.shift();
    if (of !== undefined) this.makeRoomElsewhere({ of, mustEnd: false });
  }

  /** Called by a member whose worker has ended, or has started. */
  roomMade(): void {
    this.#isShort = false;
    for (const member of this.#members) member.roomMade();
  }

  #roomForRequests(): number {
    let requests = 0;
    for (const member of this.#members) requests += member.inFlight;
    return Math.max(0, Math.floor(this.#limits.requests / this.#spread()) - requests);
  }

  #sum(): { workers: number; starting: number; usedMib: number } {
    const sum = { workers: 0, starting: 0, usedMib: 0 };
    for (const { workerCount, startingCount, memoryMib } of this.#members) {
      sum.workers += workerCount + startingCount;
      sum.starting += startingCount;
      sum.usedMib += (workerCount + startingCount) * memoryMib;
    }
    return sum;
  }
}

/** Whose longest idle worker is idle for longest. */
function idlestOf(members: readonly AppMember[]): AppMember | null {
  let idlest: AppMember | null = null;
  for (const member of members) {
    if (member.idleSinceMs === null) continue;
    if (member.idleSinceMs < (idlest?.idleSinceMs ?? Infinity)) idlest = member;
  }
  return idlest;
}
