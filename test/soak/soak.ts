/**
 * One platform under steady requests and pushes, while its parts are killed at random. What has to hold: a request
 * fails only when something that had it was killed while it ran; no answer of another app or of a replaced version;
 * nothing is left over, and what the platform's own processes hold does not grow.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DeployedApp } from '../../bench/support/deployed-app.ts';
import type { Platform } from '../support/platform.ts';
import { findLeftovers } from './leftovers.ts';
import { findTargets, type Held, heldBy, type Target } from './targets.ts';
import { type FailedRequest, Traffic } from './traffic.ts';

const APPS = ['steady', 'printing', 'slow'];
const KILL_EVERY_MS = 2_500;
const PUSH_EVERY_MS = 6_000;
const LINE_EVERY_MS = 30_000;
/** Sandboxes far more often than the platform's own processes. */
const LOTTERY: Target[] = [
  ...Array.from({ length: 40 }, () => 'worker' as const),
  ...Array.from({ length: 8 }, () => 'builder' as const),
  'control',
  'git',
  'data',
];
/** After a kill of data its successor loads its snapshot and starts its workers. */
const DATA_RECOVERY_MS = 15_000;
/** A worker that is gone is told to the request that it had. */
const WORKER_RECOVERY_MS = 1_500;
/** Control, git front or database come back with growing delays. */
const PUSH_RECOVERY_MS = 20_000;
const SETTLE_MS = 10_000;
/** Until then a process that has started still fills its caches. */
const WARM_AFTER_MS = 60_000;
/** What may come on top of what a process held once it was warm: caches, and the memory of a busy machine. */
const GROWTH_MIB = 60;
const GROWTH_DESCRIPTORS = 60;

interface Kill {
  target: Target;
  atMs: number;
}

export class Soak {
  readonly #platform: Platform;
  readonly #say: (line: string) => void;
  readonly #traffic: Traffic;
  readonly #kills: Kill[] = [];
  readonly #problems = new Set<string>();
  readonly #baseline = new Map<string, Held>();
  readonly #firstSeenMs = new Map<number, number>();
  readonly #startedAtMs = performance.now();
  #pushes = 0;
  #refusedPushes = 0;
  #version = 1;
  #checkedFailures = 0;

  constructor(platform: Platform, say: (line: string) => void) {
    this.#platform = platform;
    this.#say = say;
    this.#traffic = new Traffic(platform);
  }

  /** Resolves with what did not hold, after so many minutes. */
  async run(minutes: number): Promise<string[]> {
    const apps = await Promise.all(APPS.map((name) => DeployedApp.create(this.#platform, name)));
    try {
      for (const [index, app] of apps.entries()) await this.#push(APPS[index] ?? '', app);
      for (const name of APPS) this.#traffic.start(name);
      const ending = AbortSignal.timeout(minutes * 60_000);
      await Promise.all([
        this.#every(KILL_EVERY_MS, ending, async () => this.#kill()),
        this.#every(PUSH_EVERY_MS, ending, async () => {
          const index = randomInt(APPS.length);
          const app = apps[index];
          if (app !== undefined) await this.#push(APPS[index] ?? '', app);
        }),
        this.#every(LINE_EVERY_MS, ending, async () => this.#report()),
      ]);
      // Nothing is killed any more: what is left over now stays.
      await delay(SETTLE_MS);
      const failuresBefore = this.#traffic.failed.length;
      await delay(SETTLE_MS);
      if (this.#traffic.failed.length > failuresBefore)
        this.#problem('requests fail after the kills');
      await this.#traffic.stop();
      this.#report();
      this.#checkSandboxes();
      return [...this.#problems];
    } finally {
      await this.#traffic.stop();
      for (const app of apps) await app.dispose();
    }
  }

  async #every(ms: number, ending: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!ending.aborted) {
      await delay(ms / 2 + randomInt(ms), undefined, { signal: ending }).catch(() => {});
      if (!ending.aborted) await work();
    }
  }

  async #push(name: string, app: DeployedApp): Promise<void> {
    const version = this.#version++;
    const beganAtMs = performance.now();
    try {
      await app.commitCode(codeOf(name, version), `version ${version}`);
      await app.git('push', '-q', 'fn', 'main');
      this.#traffic.released(name, version);
      this.#pushes += 1;
    } catch (error) {
      this.#refusedPushes += 1;
      const isExcused = this.#kills.some(({ target, atMs }) => {
        return target !== 'worker' && atMs > beganAtMs - PUSH_RECOVERY_MS;
      });
      // A worker that is killed while it starts looks like code that does not start.
      const hadWorkerKill = this.#kills.some(({ atMs }) => atMs > beganAtMs);
      if (!isExcused && !hadWorkerKill) this.#problem(`a push failed: ${String(error)}`);
    }
  }

  #kill(): void {
    const target = LOTTERY[randomInt(LOTTERY.length)] ?? 'worker';
    const candidates = findTargets(this.#platform.pid, target);
    const chosen = candidates[randomInt(Math.max(1, candidates.length))];
    if (chosen === undefined) return;
    this.#kills.push({ target, atMs: performance.now() });
    try {
      process.kill(chosen.pid, 'SIGKILL');
    } catch {
      // It has ended by itself meanwhile.
    }
  }

  #report(): void {
    this.#checkFailures();
    this.#checkGrowth();
    const { cgroups, slots } = findLeftovers(this.#platform.dataDir);
    const workers = findTargets(this.#platform.pid, 'worker').length;
    const failed = this.#traffic.failed.length;
    const kills = LOTTERY.filter((target, index) => LOTTERY.indexOf(target) === index)
      .map((target) => `${this.#kills.filter((kill) => kill.target === target).length} ${target}`)
      .join(', ');
    this.#say(
      `${this.#clock()}  ${this.#traffic.asked} requests, ${failed} failed with what was killed; ` +
        `${this.#pushes} pushes, ${this.#refusedPushes} refused; killed ${kills}; ` +
        `${workers} workers, ${cgroups} cgroups, ${slots} slots; PSS ${this.#memory()} MiB` +
        (this.#problems.size === 0 ? '' : `; DOES NOT HOLD: ${[...this.#problems].join('; ')}`),
    );
  }

  #checkFailures(): void {
    for (const failure of this.#traffic.failed.slice(this.#checkedFailures)) {
      if (!this.#isExcused(failure)) {
        const { app, what } = failure;
        this.#problem(`a request to ${app} failed, and nothing of it was killed: ${what}`);
      }
    }
    this.#checkedFailures = this.#traffic.failed.length;
  }

  /** Whether something that the request may have been in was killed while it ran. */
  #isExcused({ fromMs, toMs, what }: FailedRequest): boolean {
    if (what.startsWith('answered')) return false;
    return this.#kills.some(({ target, atMs }) => {
      const recoveryMs =
        target === 'data' ? DATA_RECOVERY_MS : target === 'worker' ? WORKER_RECOVERY_MS : 0;
      return recoveryMs > 0 && atMs <= toMs && atMs + recoveryMs >= fromMs;
    });
  }

  /** The supervisor lives through it all; the others are compared with how their first was when it was warm. */
  #checkGrowth(): void {
    for (const [name, pid] of this.#watched()) {
      const now = performance.now();
      const firstSeenMs = this.#firstSeenMs.get(pid) ?? now;
      this.#firstSeenMs.set(pid, firstSeenMs);
      const held = heldBy(pid);
      const first = this.#baseline.get(name);
      if (held === null || now - firstSeenMs < WARM_AFTER_MS) continue;
      if (first === undefined) {
        this.#baseline.set(name, held);
      } else if (held.pssMib > first.pssMib + GROWTH_MIB) {
        this.#problem(`${name} grew from ${first.pssMib} to ${held.pssMib} MiB`);
      } else if (held.descriptors > first.descriptors + GROWTH_DESCRIPTORS) {
        const { descriptors } = first;
        this.#problem(`${name} has ${held.descriptors} descriptors open, from ${descriptors}`);
      }
    }
  }

  #checkSandboxes(): void {
    const { pid, dataDir } = this.#platform;
    const workers = findTargets(pid, 'worker').length;
    const sandboxes = workers + findTargets(pid, 'builder').length;
    const { cgroups, slots, mounts } = findLeftovers(dataDir);
    if (cgroups > sandboxes) this.#problem(`${cgroups} cgroups for ${sandboxes} sandboxes`);
    if (slots !== workers) this.#problem(`${slots} slots for ${workers} workers`);
    if (mounts > 0) this.#problem(`${mounts} mounts outside the platform's own namespace`);
  }

  #watched(): [name: string, pid: number][] {
    const found: [string, number][] = [['supervisor', this.#platform.pid]];
    for (const target of ['control', 'data', 'git'] as const) {
      for (const { pid } of findTargets(this.#platform.pid, target)) found.push([target, pid]);
    }
    return found;
  }

  #memory(): string {
    return this.#watched()
      .map(([name, pid]) => `${name} ${heldBy(pid)?.pssMib ?? 0}`)
      .join(' ');
  }

  #clock(): string {
    const seconds = Math.round((performance.now() - this.#startedAtMs) / 1000);
    return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  }

  #problem(text: string): void {
    this.#problems.add(text.slice(0, 500));
  }
}

/** Each app has a way of its own to be busy; all say who they are. */
function codeOf(app: string, version: number): string {
  const work: Record<string, string> = {
    printing: `for (let i = 0; i < 20; i += 1) console.log('line', i, 'x'.repeat(200));`,
    slow: `await new Promise((resolve) => setTimeout(resolve, 150));`,
  };
  return `export const handler = async () => {
  ${work[app] ?? ''}
  return { statusCode: 200, body: '${app} ${version}' };
};
`;
}
