/**
 * One platform under steady requests and pushes, while its parts are killed at random. What has to hold: a request
 * fails only when something that had it was killed while it ran (see kills.ts); no answer of another app or of a
 * replaced version; nothing is left over, and what the platform's own processes hold does not grow.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DeployedApp } from '../../bench/support/deployed-app.ts';
import { eventually } from '../support/eventually.ts';
import { announcing } from './announced.ts';
import type { Surroundings } from './forms.ts';
import { Growth } from './growth.ts';
import { Kills } from './kills.ts';
import { findLeftovers, mountsOf } from './leftovers.ts';
import { findStrays } from './strays.ts';
import { findTargets } from './targets.ts';
import { Traffic } from './traffic.ts';

const KILL_EVERY_MS = 2_500;
const PUSH_EVERY_MS = 6_000;
const LINE_EVERY_MS = 30_000;
const SAMPLE_EVERY_MS = 3_000;
/** Control, git front or database come back with growing delays, and a push asks all of them. */
const PUSH_RECOVERY_MS = 20_000;
/** Nothing is killed in it: requests have to succeed, and what is left over stays. */
const QUIET_MS = 20_000;
/** A line of the platform that says what went wrong, as problemLine and the hooks print it. */
const PROBLEM = /^remote: +! /m;

export class Soak {
  readonly #surroundings: Surroundings;
  readonly #say: (line: string) => void;
  readonly #traffic: Traffic;
  readonly #kills: Kills;
  readonly #growth: Growth;
  readonly #problems = new Set<string>();
  readonly #startedAtMs = performance.now();
  #pushes = 0;
  #refusedPushes = 0;
  #version = 1;

  constructor(surroundings: Surroundings, say: (line: string) => void) {
    const { platform, byEgress } = surroundings;
    this.#surroundings = surroundings;
    this.#say = say;
    this.#growth = new Growth(platform);
    this.#kills = new Kills(platform, byEgress, (text) => this.#problem(text));
    this.#traffic = new Traffic(platform, (request) => this.#kills.ended(request));
  }

  /** Resolves with what did not hold, after so many minutes. */
  async run(minutes: number): Promise<string[]> {
    const { platform, apps } = this.#surroundings;
    const repositories = new Map<string, DeployedApp>();
    const ended = new AbortController();
    try {
      for (const name of apps.keys()) {
        const app = await DeployedApp.create(platform, name);
        repositories.set(name, app);
        await this.#push(name, app);
        this.#traffic.start(name);
      }
      void this.#every(SAMPLE_EVERY_MS, ended.signal, async () => this.#growth.sample());
      await this.#disturb(minutes, [...repositories]);
      await this.#checkQuiet();
      await this.#traffic.stop();
      await this.#checkSandboxes();
      this.#checkGrowth();
      this.#report();
      return [...this.#problems];
    } finally {
      ended.abort();
      await this.#traffic.stop();
      for (const app of repositories.values()) await app.dispose();
    }
  }

  async #disturb(minutes: number, repositories: [string, DeployedApp][]): Promise<void> {
    const ending = AbortSignal.timeout(minutes * 60_000);
    await Promise.all([
      this.#every(KILL_EVERY_MS, ending, async () => this.#kills.strike(this.#traffic)),
      this.#every(PUSH_EVERY_MS, ending, async () => {
        const [name, app] = repositories[randomInt(repositories.length)] ?? [];
        if (name !== undefined && app !== undefined) await this.#push(name, app);
      }),
      this.#every(LINE_EVERY_MS, ending, async () => this.#report()),
    ]);
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
      const work = this.#surroundings.apps.get(name) ?? '';
      await app.commitCode(codeOf(name, version, work), `version ${version}`);
      const said = await app.push();
      // A ref that has moved stays: git reports success, and the platform that the release follows.
      if (PROBLEM.test(said)) throw new Error(said);
      this.#traffic.released(name, version);
      this.#pushes += 1;
    } catch (error) {
      this.#refusedPushes += 1;
      // A worker that is killed while it starts looks like code that does not start.
      const hadKill = this.#kills.anySince(beganAtMs).any;
      const isExcused = hadKill || this.#kills.anySince(beganAtMs - PUSH_RECOVERY_MS).other;
      if (!isExcused) this.#problem(`a push failed: ${String(error)}`);
    }
  }

  async #checkQuiet(): Promise<void> {
    await this.#kills.recovered();
    await delay(QUIET_MS);
    const failedBefore = this.#kills.failed;
    await delay(QUIET_MS);
    if (this.#kills.failed > failedBefore) this.#problem('requests fail after the kills');
  }

  #report(): void {
    const { cgroups, slots } = findLeftovers(this.#surroundings.platform.dataDir);
    const workers = findTargets(this.#surroundings.platform.pid, 'worker').length;
    this.#say(
      `${this.#clock()}  ${this.#traffic.asked} requests, ${this.#kills.failed} failed with what was killed; ` +
        `${this.#pushes} pushes, ${this.#refusedPushes} refused; killed ${this.#kills.describe()}; ` +
        `${workers} workers, ${cgroups} cgroups, ${slots} slots; PSS ${this.#growth.describe()} MiB` +
        (this.#problems.size === 0 ? '' : `; DOES NOT HOLD: ${[...this.#problems].join('; ')}`),
    );
  }

  /** Some may just be starting or ending; what is left over stays. */
  async #checkSandboxes(): Promise<void> {
    const { platform, linesOf, traces } = this.#surroundings;
    const found = (): string[] => {
      const workers = findTargets(platform.pid, 'worker').length;
      const sandboxes = workers + findTargets(platform.pid, 'builder').length;
      const { cgroups, slots } = findLeftovers(platform.dataDir);
      const strays = findStrays(traces);
      return [
        ...(cgroups > sandboxes ? [`${cgroups} cgroups for ${sandboxes} sandboxes`] : []),
        ...(slots === workers ? [] : [`${slots} slots for ${workers} workers`]),
        ...(strays.length > 0 ? [`processes outside their platform: ${strays.join()}`] : []),
        ...mountsOf(platform.dataDir, linesOf),
      ];
    };
    await eventually(() => found().length === 0).catch(() => {
      for (const text of found()) this.#problem(text);
    });
  }

  #checkGrowth(): void {
    for (const { text, isFlat } of this.#growth.compare()) {
      this.#say(`       ${text}`);
      if (!isFlat) this.#problem(`grew: ${text}`);
    }
  }

  #clock(): string {
    const seconds = Math.round((performance.now() - this.#startedAtMs) / 1000);
    return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  }

  #problem(text: string): void {
    this.#problems.add(text.slice(0, 500));
  }
}

/** All say who they are, and what they did not reach. */
function codeOf(app: string, version: number, work: string): string {
  const answer = `let outcome = '';
    ${work}
    const body = '${app} ${version}' + (outcome === '' ? '' : ' ' + outcome);
    return { statusCode: 200, body };`;
  return `import http from 'node:http';\n${announcing(app, answer)}`;
}
