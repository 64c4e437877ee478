/**
 * Kills parts of a platform under load, and knows for each kill which requests may fail by it:
 *
 * - of a worker: those that were open to its app at that instant and that no other worker had begun. The ones that it
 *   had begun itself must fail. No request begins between the look and the end of the process.
 * - of data: those that were open to it at that instant, and what begins until /readyz is answered again.
 * - of the launcher, with which all sandboxes end: the same, until a function answers again.
 * - of egress: what connects by it, until something does so again.
 * - of anything else: none.
 */
import { randomInt } from 'node:crypto';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import type { Platform } from '../support/platform.ts';
import { announcedBy, waitUntilGone, whileStopped } from './announced.ts';
import { findTargets, type Target } from './targets.ts';
import type { EndedRequest, Traffic } from './traffic.ts';
import { sendSignal } from '../support/signals.ts';

/** Sandboxes far more often than the platform's own processes. */
const LOTTERY: Target[] = [
  ...Array.from({ length: 40 }, () => 'worker' as const),
  ...Array.from({ length: 8 }, () => 'builder' as const),
  'control',
  'git',
  'data',
  'egress',
  'launcher',
  'postgres',
];
/** Restarts wait for up to ten seconds when they were many. */
const RECOVERY_DEADLINE_MS = 45_000;

/** From a kill until what was killed serves again; `toMs` is infinite while it does not. */
interface Absence {
  fromMs: number;
  toMs: number;
}

export class Kills {
  /** Requests, each by something that was killed. */
  failed = 0;
  readonly #platform: Platform;
  /** Apps whose requests need the egress process. */
  readonly #byEgress: ReadonlySet<string>;
  readonly #problem: (text: string) => void;
  readonly #counts = new Map<Target, number>();
  readonly #excused = new Set<string>();
  readonly #mustFail = new Set<string>();
  readonly #functionAbsences: Absence[] = [];
  readonly #egressAbsences: Absence[] = [];
  readonly #recoveries = new Set<Promise<void>>();
  /** When each was killed last. */
  readonly #last = new Map<Target, number>();

  constructor(platform: Platform, byEgress: ReadonlySet<string>, problem: (text: string) => void) {
    this.#platform = platform;
    this.#byEgress = byEgress;
    this.#problem = problem;
  }

  /** Kills something by lot. */
  strike(traffic: Traffic): void {
    const target = LOTTERY[randomInt(LOTTERY.length)] ?? 'worker';
    const candidates = findTargets(this.#platform.pid, target);
    const chosen = candidates[randomInt(Math.max(1, candidates.length))];
    if (chosen === undefined) return;
    this.#last.set(target, performance.now());
    if (target === 'worker') {
      const pids = candidates.map(({ pid }) => pid);
      // Now and then the sandbox itself, which takes its worker along.
      const killed = randomInt(4) === 0 ? chosen.parent : chosen.pid;
      this.#strikeWorker(traffic, { worker: chosen.pid, killed }, pids);
    } else {
      this.#strikeOther(traffic, target, chosen.pid);
    }
    this.#counts.set(target, (this.#counts.get(target) ?? 0) + 1);
  }

  #strikeWorker(
    traffic: Traffic,
    { worker, killed }: { worker: number; killed: number },
    workers: number[],
  ): void {
    whileStopped(workers, () => {
      const { app, requests } = announcedBy(worker);
      const others = workers.filter((pid) => pid !== worker);
      const elsewhere = new Set(others.flatMap((pid) => [...announcedBy(pid).requests]));
      for (const open of traffic.open.values()) {
        // One that had not loaded its function may be the one that any app waits for.
        const isItsApp = app === null || open.app === app;
        if (isItsApp && !elsewhere.has(open.id)) this.#excused.add(open.id);
        if (requests.has(open.id)) this.#mustFail.add(open.id);
      }
      sendSignal({ pid: killed }, 'SIGKILL');
      // Not the one that dies: with its sandbox it would have a moment left to answer in.
      return others;
    });
    if (!waitUntilGone(worker)) this.#problem(`worker ${worker} outlives its kill`);
  }

  #strikeOther(traffic: Traffic, target: Target, pid: number): void {
    const absence = { fromMs: performance.now(), toMs: Infinity };
    const endsSandboxes = target === 'data' || target === 'launcher';
    const [someApp = ''] = traffic.apps;
    if (endsSandboxes) {
      for (const id of traffic.open.keys()) this.#excused.add(id);
      this.#functionAbsences.push(absence);
    } else if (target === 'egress') {
      this.#egressAbsences.push(absence);
    }
    sendSignal({ pid }, 'SIGKILL');
    if (!waitUntilGone(pid)) this.#problem(`${target} ${pid} outlives its kill`);
    if (target === 'data') this.#watchRecovery(absence, { app: '', path: '/readyz' });
    if (target === 'launcher') this.#watchRecovery(absence, { app: someApp, path: '/work' });
  }

  #watchRecovery(absence: Absence, { app, path }: { app: string; path: string }): void {
    const recovery = eventually(async () => {
      const { status } = await ask(this.#platform, app, { path });
      return status === 200;
    }, RECOVERY_DEADLINE_MS)
      .catch(() => this.#problem(`${app}${path} does not answer again`))
      .then(() => void (absence.toMs = performance.now()));
    this.#recoveries.add(recovery);
    void recovery.then(() => this.#recoveries.delete(recovery));
  }

  /** Resolves when everything that was killed is back. */
  async recovered(): Promise<void> {
    await Promise.all(this.#recoveries);
  }

  /** To be told of every request that has ended. */
  ended(request: EndedRequest): void {
    const { id, app, failure } = request;
    if (failure !== null && !this.#isExcused(request)) {
      this.#problem(
        `a request to ${app} failed, and nothing of it was killed: ${failure} ${this.#before(request)}`,
      );
    } else if (failure !== null) {
      this.failed += 1;
    } else if (this.#mustFail.has(id)) {
      this.#problem(`a request to ${app} was begun by a worker that was killed, and was answered`);
    } else if (this.#byEgress.has(app)) {
      for (const absence of this.#egressAbsences) {
        if (request.fromMs >= absence.fromMs) absence.toMs = Math.min(absence.toMs, request.toMs);
      }
    }
  }

  /** Whether anything was killed since then but workers; or anything at all. */
  anySince(sinceMs: number): { other: boolean; any: boolean } {
    const recent = [...this.#last].filter(([, atMs]) => atMs > sinceMs);
    return { other: recent.some(([target]) => target !== 'worker'), any: recent.length > 0 };
  }

  describe(): string {
    return [...this.#counts].map(([target, count]) => `${count} ${target}`).join(', ');
  }

  /** What was killed last before the request ended. */
  #before({ fromMs, toMs }: EndedRequest): string {
    const kills = [...this.#last].map(
      ([target, atMs]) => `${target} ${Math.round(toMs - atMs)} ms`,
    );
    return `(after ${Math.round(toMs - fromMs)} ms; before its end were killed: ${kills.join(', ')})`;
  }

  #isExcused({ id, app, failure, fromMs }: EndedRequest): boolean {
    if (failure === null || failure.startsWith('answered')) return false;
    if (failure.startsWith('not reached'))
      return this.#byEgress.has(app) && isWithin(this.#egressAbsences, fromMs);
    return this.#excused.has(id) || isWithin(this.#functionAbsences, fromMs);
  }
}

/** Whether something was still away when it began: requests are judged when they end. */
function isWithin(absences: Absence[], fromMs: number): boolean {
  return absences.some(({ toMs }) => fromMs <= toMs);
}
