import { expect } from 'vitest';
import { FAILPOINTS, type FailpointName } from '../../src/std/failpoint.ts';
import { ask } from '../support/ask.ts';
import { becomesConsistent } from '../support/consistency.ts';
import { eventually } from '../support/eventually.ts';
import type { Failpoints } from '../support/failpoints.ts';
import type { Platform } from '../support/platform.ts';
import type { CommandResult, TestRepository } from '../support/repository.ts';
import { filesOfVersion, versionOf, watchApp } from './watched-app.ts';

/** What the platform promises: live, or failed with a reason, within this time of being up again. */
export const SETTLED_MS = 60_000;

/** Who is killed at the failpoint: the process that it stands in, or the whole platform, which is then started again. */
export type Victim = 'process' | 'platform';

/** Functions are away while these are; everything else that dies, no request sees. */
const HOLDS_FUNCTIONS: readonly string[] = ['data', 'supervisor', 'launcher'];

/** A platform with one app on it, whose commits are numbered. */
export class CrashStory {
  readonly platform: Platform;
  readonly repository: TestRepository;
  readonly app: string;
  readonly #failpoints: Failpoints;
  #number = 0;
  #sha = '';

  constructor(parts: {
    platform: Platform;
    failpoints: Failpoints;
    repository: TestRepository;
    app: string;
  }) {
    this.platform = parts.platform;
    this.repository = parts.repository;
    this.app = parts.app;
    this.#failpoints = parts.failpoints;
  }

  get number(): number {
    return this.#number;
  }

  /** Commits the next version; returns its SHA. */
  async commit(): Promise<string> {
    this.#number += 1;
    this.#sha = await this.repository.commit(
      filesOfVersion(this.#number),
      `Version ${this.#number}`,
    );
    return this.#sha;
  }

  /** Runs the operation, has the victim die where it comes to the failpoint, and brings the platform back. */
  async crash(
    point: FailpointName,
    victim: Victim,
    operation: () => Promise<CommandResult>,
  ): Promise<CommandResult> {
    await this.#failpoints.arm(point, victim === 'process' ? 'kill' : 'hang');
    const running = operation().catch((error: unknown) => ({ code: -1, output: String(error) }));
    const first = await Promise.race([
      this.#failpoints.reached(point).then(() => null),
      running.then((result) =>
        this.#failpoints.reached(point, 2_000).then(
          () => null,
          () => result,
        ),
      ),
    ]);
    if (first !== null) throw new Error(`${point} was not reached:\n${first.output}`);
    const endsAll = victim === 'platform' || FAILPOINTS[point] === 'supervisor';
    if (victim === 'platform') await this.platform.kill9();
    await this.#failpoints.clear();
    const result = await running;
    if (endsAll) await this.platform.restart();
    return result;
  }

  /** The same, with a client that asks all the time. */
  async crashWatched(
    point: FailpointName,
    victim: Victim,
    operation: () => Promise<CommandResult>,
  ): Promise<CommandResult> {
    const watch = watchApp(this.platform, this.app);
    let result: CommandResult;
    try {
      result = await this.crash(point, victim, operation);
      await this.#becomesReady();
    } finally {
      await watch.stop();
    }
    expect(watch.broken).toEqual([]);
    expect(watch.asked).toBeGreaterThan(5);
    const isAway = victim === 'platform' || HOLDS_FUNCTIONS.includes(FAILPOINTS[point]);
    if (!isAway) expect(watch.unanswered).toEqual([]);
    return result;
  }

  /** What the remote branch holds is what is served; an accepted push is what it holds; nothing disagrees. */
  async settles(pushed: CommandResult, ref = 'refs/heads/main'): Promise<void> {
    const remote = await this.remoteSha(ref);
    if (pushed.code === 0) expect(remote, pushed.output).toBe(this.#sha);
    await eventually(async () => {
      const { status, headers, body } = await ask(this.platform, this.app);
      expect({ status, commit: headers['x-fn-commit'] }).toEqual({ status: 200, commit: remote });
      versionOf(body);
    }, SETTLED_MS);
    await becomesConsistent(this.platform, SETTLED_MS);
  }

  /** The same commit again: whoever was refused, or is not sure, pushes once more. */
  async pushAgain(): Promise<void> {
    const again = await eventually(async () => {
      const result = await this.repository.push('main');
      expect(result.code, result.output).toBe(0);
      return result;
    }, SETTLED_MS);
    await this.settles(again);
    expect(versionOf((await ask(this.platform, this.app)).body)).toBe(this.#number);
  }

  async remoteSha(ref: string): Promise<string> {
    return eventually(async () => {
      const listed = await this.repository.git('ls-remote', 'fn', ref);
      expect(listed.code, listed.output).toBe(0);
      return listed.output.split('\t')[0] ?? '';
    }, SETTLED_MS);
  }

  async #becomesReady(): Promise<void> {
    await eventually(async () => {
      const { status, body } = await ask(this.platform, '', { path: '/readyz' });
      const { degraded } = JSON.parse(body) as { degraded: unknown[] };
      expect({ status, degraded }).toEqual({ status: 200, degraded: [] });
    }, SETTLED_MS);
  }
}
