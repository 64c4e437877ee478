/**
 * Workers that the functions of each app have over all data processes, which claim each before they start it. One that
 * finds no room waits, in the order in which they came, until others end; who has most of them is asked to end one.
 */
import type { ClaimRequest, FleetNotice } from '../../../protocol/fleet.ts';

export interface ClaimLimits {
  /** Of one app. */
  workers: number;
  memoryMib: number;
  /** Of one function. */
  workersPerFunction: number;
}

type Claim<Process> = Omit<ClaimRequest, 'type'> & {
  process: Process;
  /** Somebody was asked to make room for it. */
  hasAsked: boolean;
};

interface App<Process> {
  held: Claim<Process>[];
  /** Bounded by what each process may claim at a time. */
  waiting: Claim<Process>[];
}

export class AppClaims<Process> {
  readonly #limits: ClaimLimits;
  readonly #tell: (process: Process, notice: FleetNotice) => void;
  readonly #processes = new Set<Process>();
  readonly #apps = new Map<string, App<Process>>();

  constructor(limits: ClaimLimits, tell: (process: Process, notice: FleetNotice) => void) {
    this.#limits = limits;
    this.#tell = tell;
  }

  join(process: Process): void {
    this.#processes.add(process);
  }

  /** It has ended, and all that it had with it. */
  leave(process: Process): void {
    this.#processes.delete(process);
    for (const [name, app] of this.#apps) {
      app.waiting = app.waiting.filter((claim) => claim.process !== process);
      this.#keep(name, app, (claim) => claim.process !== process);
    }
  }

  /** How many claims it has, with those that wait. */
  countOf(process: Process): number {
    let count = 0;
    for (const { held, waiting } of this.#apps.values()) {
      for (const claim of [...held, ...waiting]) if (claim.process === process) count += 1;
    }
    return count;
  }

  claim(process: Process, { claim: id, app: name, of, memoryMib, isOwed }: ClaimRequest): void {
    const app = this.#apps.get(name) ?? { held: [], waiting: [] };
    this.#apps.set(name, app);
    const claim = { process, claim: id, app: name, of, memoryMib, isOwed, hasAsked: false };
    if (isOwed) return this.#grant(name, app, claim);
    app.waiting.push(claim);
    this.#settle(name, app);
  }

  unclaim(process: Process, id: number): void {
    const isOther = (claim: Claim<Process>): boolean =>
      claim.process !== process || claim.claim !== id;
    for (const [name, app] of this.#apps) {
      if (app.held.every(isOther) && app.waiting.every(isOther)) continue;
      app.waiting = app.waiting.filter(isOther);
      this.#keep(name, app, isOther);
    }
  }

  #keep(name: string, app: App<Process>, isKept: (claim: Claim<Process>) => boolean): void {
    const before = spreadOf(app);
    app.held = app.held.filter(isKept);
    if (spreadOf(app) !== before) this.#tellSpread(name, app);
    this.#settle(name, app);
    if (app.held.length + app.waiting.length === 0) this.#apps.delete(name);
  }

  #settle(name: string, app: App<Process>): void {
    for (const claim of app.waiting.slice()) {
      if (this.#blockage(app, claim) !== null) continue;
      app.waiting.splice(app.waiting.indexOf(claim), 1);
      this.#grant(name, app, claim);
    }
    for (const claim of app.waiting) if (!claim.hasAsked) this.#askForRoom(name, app, claim);
  }

  #grant(name: string, app: App<Process>, claim: Claim<Process>): void {
    const isFirst = app.held.every(({ process }) => process !== claim.process);
    app.held.push(claim);
    if (isFirst) this.#tellSpread(name, app);
    this.#tell(claim.process, { type: 'claimed', claim: claim.claim });
    for (const process of this.#processes) {
      if (process !== claim.process) this.#tell(process, { type: 'started-elsewhere', app: name });
    }
  }

  /**
   * What keeps it waiting. One worker may run whatever it has; and who has many leaves room for the first one of each
   * process that has none: connections that came to that one could not be answered at all.
   */
  #blockage(app: App<Process>, claim: Claim<Process>): 'function' | 'app' | null {
    const { held } = app;
    if (held.length === 0) return null;
    const { workers, memoryMib, workersPerFunction } = this.#limits;
    const ofFunction = held.filter(({ of }) => of === claim.of);
    if (ofFunction.length + 1 + this.#without(ofFunction, claim) > workersPerFunction) {
      return 'function';
    }
    const wanted = 1 + this.#without(held, claim);
    const usedMib = held.reduce((sum, one) => sum + one.memoryMib, 0);
    const fits = held.length + wanted <= workers && usedMib + wanted * claim.memoryMib <= memoryMib;
    return fits ? null : 'app';
  }

  /** Other processes that have none of these. */
  #without(held: readonly Claim<Process>[], { process: own }: Claim<Process>): number {
    const having = new Set(held.map(({ process }) => process)).add(own);
    return this.#processes.size - having.size;
  }

  /** Once for each claim, of who has most. */
  #askForRoom(name: string, app: App<Process>, claim: Claim<Process>): void {
    const isOfFunction = this.#blockage(app, claim) === 'function';
    const held = isOfFunction ? app.held.filter(({ of }) => of === claim.of) : app.held;
    const counts = new Map<Process, number>();
    for (const { process } of held) counts.set(process, (counts.get(process) ?? 0) + 1);
    const [most] = [...counts].toSorted(([, a], [, b]) => b - a);
    if (most === undefined || (isOfFunction && most[0] === claim.process)) return;
    claim.hasAsked = true;
    const [process, count] = most;
    const mustEnd = count > (counts.get(claim.process) ?? 0) + 1;
    this.#tell(process, {
      type: 'make-room',
      app: name,
      of: isOfFunction ? claim.of : null,
      mustEnd,
    });
  }

  #tellSpread(name: string, app: App<Process>): void {
    const notice: FleetNotice = { type: 'app-spread', app: name, processes: spreadOf(app) };
    for (const process of this.#processes) this.#tell(process, notice);
  }
}

function spreadOf({ held }: App<unknown>): number {
  return new Set(held.map(({ process }) => process)).size;
}
