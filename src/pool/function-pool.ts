/**
 * The workers of one function of one deployment. Requests go to a worker with room at once; the others wait in a
 * bounded queue, which starts as many workers as it needs. It serves from its making until it is drained, and while
 * it drains it still serves what had come before.
 *
 * Over 300 lines: its counts of workers, starts and waiting requests only make sense when they change together.
 */
import type { PoolOptions } from '../main/start-options.ts';
import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import { MAX_BACKGROUND_MS } from '../protocol/worker.ts';
import { chooseWorker, idleWorkers, mayWait, workersToStart } from './decisions.ts';
import type { AppLoad, AppMember } from './app-load.ts';
import { CacheMaking, type CodeUse } from './cache-making.ts';
import { failureOfExit, PooledWorker, textOf } from './pooled-worker.ts';
import { functionKey } from './function-key.ts';
import type { FunctionSource, Invocation, InvocationFailure } from './ports.ts';
import { RestartGate } from './restart-gate.ts';
import { startsSpentText } from './start-budget.ts';
import { WaitingLine, type Next } from './waiting-line.ts';
import {
  linesOf,
  sourceOf,
  startFunctionWorker,
  type StartDeps,
  type StartResult,
} from './worker-start.ts';
import type { ZygoteSource } from './zygote-turns.ts';
import type { Zygote } from './zygotes.ts';

/** A worker that has waited as long as it may still has to exit. */
const FAREWELL_MS = 1_000;
const RETRY_AFTER_MS = 1_000;
/**
 * Requests that wait no longer than this while workers run get no further worker: quick handlers leave room again
 * in less, and each worker costs memory and a share of the batching.
 */
const SCALE_UP_WAIT_MS = 5;
/** What a worker holds when it is younger than this it needs: another would come near its limit as soon. */
const MIN_REPLACED_AGE_MS = 10_000;
/** A worker that had a request so short a time ago is in use. */
const IN_USE_MS = 1_000;
/** After the platform could not start a worker, the next is tried this much later. */
const UNAVAILABLE_PAUSE_MS = 500;
/** How long a release waits for its turn, when the app has started more workers than it may. */
const START_TURN_WAIT_MS = 60_000;

export interface FunctionPoolDeps extends StartDeps {
  load: AppLoad;
  /** For workers that come on top of what the app may have; the same as the others when it is absent. */
  owedZygotes?: ZygoteSource;
  /** Told of workers that fail, and of the first success after them. */
  tellFailures?: (failures: number, forMs: number) => void;
}

export class FunctionPool implements AppMember {
  readonly deployment: ServedDeployment;
  readonly served: ServedFunction;
  readonly #deps: FunctionPoolDeps;
  readonly #options: PoolOptions;
  readonly #source: FunctionSource;
  readonly #waiting: WaitingLine;
  readonly #gate: RestartGate;
  readonly #cacheMaking: CacheMaking;
  /** Those that may be leased, oldest first. */
  readonly #workers: PooledWorker[] = [];
  /** Those that finish what they have. */
  readonly #leaving = new Set<PooledWorker>();
  #starting = 0;
  /** Starts that `restart` overtook: what comes of them is thrown away. */
  #outdatedStarts = 0;
  /** Counts the calls of `restart`, so that each start knows whether one came since. */
  #epoch = 0;
  #isHeld = false;
  /** It has had a request since it was last warmed. */
  #isWarmable = false;
  #isScaleTimerSet = false;
  /** Since when there is a line with as many workers as now. */
  #standsSinceMs = 0;
  /** Requests that ended since then. */
  #endedSince = 0;
  #isTurnTimerSet = false;
  #cancelIdleTimer: (() => void) | null = null;
  #drained: PromiseWithResolvers<void> | null = null;

  constructor(
    deps: FunctionPoolDeps,
    subject: { deployment: ServedDeployment; served: ServedFunction },
    options: PoolOptions,
  ) {
    this.#deps = deps;
    this.deployment = subject.deployment;
    this.served = subject.served;
    this.#source = sourceOf(subject);
    this.#options = options;
    this.#cacheMaking = new CacheMaking(deps, this.#source);
    // Those who wait get their worker when it opens.
    this.#gate = new RestartGate(deps.clock, () => this.#pump(), deps.tellFailures);
    this.#waiting = new WaitingLine(deps.clock, {
      length: options.queueLength,
      waitMs: options.queueMs,
      onTimeout: (invocation) => {
        invocation.failed({ kind: 'queue-timeout', retryAfterMs: RETRY_AFTER_MS });
        this.#afterQueueShrank();
      },
    });
    deps.load.join(this);
  }

  get key(): string {
    return functionKey(this.deployment.id, this.served.name);
  }

  get workerCount(): number {
    return this.#workers.length + this.#leaving.size;
  }

  get startingCount(): number {
    return this.#starting + this.#outdatedStarts;
  }

  get leavingCount(): number {
    return this.#leaving.size;
  }

  get memoryMib(): number {
    return this.served.memoryMib;
  }

  get idleSinceMs(): number | null {
    return this.#longestIdle()?.idleSinceMs ?? null;
  }

  endIdle(): void {
    const worker = this.#longestIdle();
    if (worker !== null) this.#retire(worker);
  }

  endLeastBusy(): void {
    const [worker] = this.#workers.toSorted(
      (a, b) => a.zygote.link.inFlight - b.zygote.link.inFlight,
    );
    if (worker !== undefined) this.#retire(worker);
  }

  /** Of its workers in another data process. */
  failedElsewhere(failures: number, forMs: number): void {
    this.#gate.failedElsewhere(failures, forMs);
  }

  roomMade(): void {
    this.#startWhatIsNeeded();
  }

  get inFlight(): number {
    let count = this.#waiting.length;
    for (const { zygote } of this.#workers) count += zygote.link.inFlight;
    for (const { zygote } of this.#leaving) count += zygote.link.inFlight;
    return count;
  }

  /** Gives the invocation to a worker, or lets it wait, or fails it; never throws. */
  dispatch(invocation: Invocation): void {
    this.#isWarmable = true;
    if (!this.#deps.load.takesRequest()) {
      invocation.failed({ kind: 'queue-full', retryAfterMs: RETRY_AFTER_MS });
      return;
    }
    const worker = this.#waiting.unpromised === 0 ? chooseWorker(this.#workers) : null;
    if (worker !== null) {
      this.#lease(worker, invocation, null);
      return;
    }
    const blockage = this.#workers.length + this.#starting > 0 ? null : this.#blockage();
    if (blockage !== null) {
      invocation.failed(blockage);
    } else if (this.#mayWait() && this.#waiting.push(invocation)) {
      this.#startWhatIsNeeded();
    } else {
      invocation.failed({ kind: 'queue-full', retryAfterMs: RETRY_AFTER_MS });
    }
  }

  /** Who waits for a start waits for something better; else a line that stands for long takes nobody more in. */
  #mayWait(): boolean {
    const { firstSinceMs } = this.#waiting;
    const now = this.#deps.clock.monotonicMs();
    if (firstSinceMs === null) this.#lineStands(now);
    if (firstSinceMs === null || this.#starting > 0) return true;
    return mayWait({
      firstWaitedMs: now - Math.max(firstSinceMs, this.#standsSinceMs),
      standsForMs: now - this.#standsSinceMs,
      ended: this.#endedSince,
      inFlight: this.inFlight - this.#waiting.length,
    });
  }

  #lineStands(sinceMs: number): void {
    this.#standsSinceMs = sinceMs;
    this.#endedSince = 0;
  }

  /** Why no worker would be started for a request that comes now; null when one would be. */
  #blockage(): InvocationFailure | null {
    const backsOffForMs = this.#gate.backsOffForMs;
    if (backsOffForMs > 0) return { kind: 'backing-off', retryAfterMs: backsOffForMs };
    const opensInMs = this.#deps.load.startsOpenInMs;
    return opensInMs > 0 ? this.#startsSpent(opensInMs) : null;
  }

  #startsSpent(retryAfterMs: number): InvocationFailure & { message: string } {
    const message = startsSpentText(this.#deps.load.startRate, retryAfterMs);
    return { kind: 'starts-spent', message, retryAfterMs };
  }

  /** Takes back an invocation that no worker has yet. */
  withdraw(invocation: Invocation): void {
    this.#waiting.remove(invocation);
    this.#afterQueueShrank();
  }

  /** Starts a worker, unless there is one, and keeps it until released or drained. */
  async hold(): Promise<StartResult | { kind: 'running' }> {
    this.#isHeld = true;
    for (;;) {
      if (this.#workers.length > 0) return { kind: 'running' };
      const { load, clock } = this.#deps;
      const turnInMs = load.reserveStart(START_TURN_WAIT_MS);
      if (turnInMs === null) {
        return { kind: 'unavailable', message: this.#startsSpent(load.startsOpenInMs).message };
      }
      if (turnInMs > 0) await new Promise<void>((resolve) => void clock.after(turnInMs, resolve));
      const result = await this.#start(this.#owed);
      if (result.kind !== 'outdated') return result;
    }
  }

  /**
   * From now on every request gets a worker whose environment is opened anew: those that run finish what they have,
   * and those that are being started are thrown away. A held worker is replaced at once.
   */
  restart(): void {
    this.#epoch++;
    this.#outdatedStarts += this.#starting;
    this.#starting = 0;
    const needsAnother = this.#isHeld && this.#workers.length > 0;
    this.#retireAll();
    // The new environment may be what mends a function that kept failing.
    this.#gate.reset();
    if (needsAnother) this.#startMore(1, this.#owed);
    this.#startWhatIsNeeded();
  }

  /** What was held may idle out. */
  unhold(): void {
    this.#isHeld = false;
    this.#armIdleTimer(this.#firstLookMs);
  }

  /** Starts a worker for a request that may come; false when there is one, or none may be started. */
  warm(): boolean {
    if (!this.#isWarmable || this.#drained !== null) return false;
    if (this.#workers.length + this.#starting > 0 || this.#gate.opensInMs > 0) return false;
    if (this.#deps.load.startsAllowed(this.memoryMib) === 0) return false;
    this.#isWarmable = false;
    this.#startMore(1, this.#deps.zygotes);
    return true;
  }

  /** Finishes what is in flight and waiting, then ends all workers; after `drainMs` it ends them regardless. */
  drain(): Promise<void> {
    if (this.#drained === null) {
      this.#isHeld = false;
      this.#cacheMaking.close();
      this.#drained = Promise.withResolvers<void>();
      const cancel = this.#deps.clock.after(this.#options.drainMs, () => this.#killAll());
      void this.#drained.promise.then(cancel);
      this.#afterQueueShrank();
    }
    return this.#drained.promise;
  }

  #lease(worker: PooledWorker, invocation: Invocation, next: Next | null): void {
    worker.idleSinceMs = null;
    worker.requestsLeft -= 1;
    if (worker.isFrozen) this.#thaw(worker);
    const coldStartMs = next?.isForStart === true ? next.waitedMs : null;
    worker.zygote.link.invoke(invocation, coldStartMs, next?.sinceMs);
  }

  /** Once it is idle again it is looked at as early as if it had just started, and not only at its end. */
  #thaw(worker: PooledWorker): void {
    worker.thaw();
    this.#cancelIdleTimer?.();
    this.#cancelIdleTimer = null;
    this.#armIdleTimer(this.#firstLookMs);
  }

  /** Gives waiting invocations to workers with room. */
  #pump(): void {
    for (;;) {
      if (this.#waiting.length === 0) break;
      const worker = chooseWorker(this.#workers);
      if (worker === null) break;
      const next = this.#waiting.shift();
      if (next === null) break;
      this.#lease(worker, next.invocation, next);
    }
    this.#startWhatIsNeeded();
    this.#afterQueueShrank();
  }

  /** A pool that drains is done with its workers once nobody waits for one. */
  #afterQueueShrank(): void {
    if (this.#drained === null || this.#waiting.length > 0) return;
    this.#retireAll();
    this.#checkDrained();
  }

  #startWhatIsNeeded(): void {
    if (this.#waiting.length === 0) return;
    if (this.#gate.opensInMs > 0) return;
    const isServing = this.#workers.some(({ isSuspect }) => !isSuspect);
    if (isServing) this.#armScaleTimer();
    const wanted = workersToStart({
      waiting: isServing ? this.#waiting.countSince(SCALE_UP_WAIT_MS) : this.#waiting.length,
      concurrency: this.served.concurrency,
      starting: this.#starting,
      running: this.workerCount + this.#outdatedStarts,
    });
    const { load } = this.#deps;
    const count = wanted === 0 ? 0 : Math.min(wanted, load.startsAllowed(this.memoryMib));
    if (wanted > 0 && count === 0 && this.#starting === 0) {
      if (load.startsOpenInMs > 0) this.#armTurnTimer();
      else load.makeRoom();
    }
    if (this.#starting + count > 0) this.#waiting.markStarting();
    this.#startMore(count, this.#deps.zygotes);
  }

  get #owed(): ZygoteSource {
    return this.#deps.owedZygotes ?? this.#deps.zygotes;
  }

  #startMore(count: number, zygotes: ZygoteSource): void {
    this.#deps.load.spendStarts(count);
    for (let started = 0; started < count; started++) void this.#start(zygotes);
  }

  /** Those who wait while their app may start no more workers get one when it may. */
  #armTurnTimer(): void {
    if (this.#isTurnTimerSet) return;
    this.#isTurnTimerSet = true;
    this.#deps.clock.after(this.#deps.load.startsOpenInMs, () => {
      this.#isTurnTimerSet = false;
      this.#startWhatIsNeeded();
    });
  }

  /** Looks again when those who wait now have waited long enough to be worth another worker. */
  #armScaleTimer(): void {
    if (this.#isScaleTimerSet) return;
    this.#isScaleTimerSet = true;
    this.#deps.clock.after(SCALE_UP_WAIT_MS, () => {
      this.#isScaleTimerSet = false;
      this.#startWhatIsNeeded();
    });
  }

  async #start(zygotes: ZygoteSource): Promise<StartResult | { kind: 'outdated' }> {
    this.#starting++;
    const epoch = this.#epoch;
    const isAlone = this.#starting === 1 && this.#workers.length === 0;
    const result = await startFunctionWorker(
      { ...this.#deps, zygotes },
      {
        deployment: this.deployment,
        served: this.served,
        initTimeoutMs: this.#options.initTimeoutMs,
        // With other workers about, the one that has room first shall have it.
        promise: (left) => (isAlone && epoch === this.#epoch ? this.#waiting.promise(left) : null),
        started: (zygote, use) => this.#started(zygote, { epoch, use }),
      },
    );
    if (epoch !== this.#epoch) return this.#throwAway(result);
    this.#starting--;
    this.#lineStands(this.#deps.clock.monotonicMs());
    if (result.kind !== 'started') this.#startFailed(result);
    this.#pump();
    this.#deps.load.roomMade();
    return result;
  }

  /** At once: what it was sent ahead may be answered in the same breath. */
  #started(zygote: Zygote, { epoch, use }: { epoch: number; use: CodeUse }): void {
    if (epoch === this.#epoch) {
      this.#cacheMaking.started(zygote, use);
      return void this.#adopt(zygote);
    }
    // A request from before `restart` is finished, as those of workers that ran then are.
    if (zygote.link.inFlight > 0) this.#retire(this.#adopt(zygote));
  }

  /** What started with an environment that is no longer the deployment's. */
  #throwAway(result: StartResult): { kind: 'outdated' } {
    this.#outdatedStarts--;
    if (result.kind === 'started' && !this.#has(result.zygote)) {
      result.zygote.sandbox.kill();
      result.zygote.link.destroy();
    }
    this.#pump();
    return { kind: 'outdated' };
  }

  #has(zygote: Zygote): boolean {
    return [...this.#workers, ...this.#leaving].some((worker) => worker.zygote === zygote);
  }

  #adopt(zygote: Zygote): PooledWorker {
    const worker = new PooledWorker(zygote, this.#deps.clock.monotonicMs(), Math.random());
    this.#workers.push(worker);
    void zygote.sandbox.nearMemoryLimit?.then(() => this.#replaceWhenOfAge(worker));
    zygote.link.listen({
      settled: (succeeded) => this.#settled(worker, succeeded),
      nacked: (invocation, waitedSinceMs) => {
        this.#waiting.putBack(invocation, waitedSinceMs);
        this.#pump();
      },
      retiring: () => {
        this.#failed(worker);
        this.#retire(worker);
        this.#pump();
      },
      ...linesOf(this.#deps.log, this.#source),
      unusable: (reason) => void this.#discard(worker, reason),
      closed: () => void this.#discard(worker, null),
    });
    this.#armIdleTimer(this.#firstLookMs);
    return worker;
  }

  /** Nobody else will start one for those who wait, unless another start still runs. */
  #startFailed(result: Exclude<StartResult, { kind: 'started' }>): void {
    if (result.kind === 'init-failed') this.#gate.failed();
    else this.#gate.pause(UNAVAILABLE_PAUSE_MS);
    if (this.#workers.length > 0 || this.#starting > 0) return;
    const failure: InvocationFailure =
      result.kind === 'init-failed'
        ? { kind: 'init-failed', failure: result.failure }
        : { kind: 'unavailable', message: result.message };
    for (let next = this.#waiting.shift(); next !== null; next = this.#waiting.shift()) {
      next.invocation.failed(failure);
    }
  }

  #settled(worker: PooledWorker, succeeded: boolean): void {
    if (succeeded) this.#gate.succeeded();
    this.#endedSince += 1;
    const { link } = worker.zygote;
    if (succeeded) this.#cacheMaking.answered(worker.zygote);
    if (this.#leaving.has(worker)) {
      this.#endIfDone(worker);
      return;
    }
    if (link.isSpent) this.#retire(worker);
    else if (worker.requestsLeft <= 0) void this.#renew(worker);
    if (this.#waiting.length > 0) this.#pump();
    if (link.inFlight > 0) return;
    worker.idleSinceMs = this.#deps.clock.monotonicMs();
    this.#deps.load.becameIdle();
  }

  #failed(worker: PooledWorker): void {
    if (worker.hasFailed) return;
    worker.hasFailed = true;
    this.#gate.failed(worker.startedAtMs);
  }

  #replaceWhenOfAge(worker: PooledWorker): void {
    const { clock } = this.#deps;
    const ageMs = clock.monotonicMs() - worker.startedAtMs;
    clock.after(Math.max(0, MIN_REPLACED_AGE_MS - ageMs), () => {
      if (!this.#workers.includes(worker)) return;
      const text = `Worker is near its memory limit (${this.memoryMib} MB): it ends after its current requests`;
      this.#deps.log.line(this.#source, { level: 'warn', text, requestId: null, dropped: 0 });
      void this.#replace(worker);
    });
  }

  /** One near its memory limit ends after its current requests, rather than by the kernel in their middle. */
  async #replace(worker: PooledWorker): Promise<void> {
    await this.#startSuccessor(worker);
    this.#retire(worker);
    this.#pump();
  }

  /** One that is old, or has had many requests, ends too, unless nobody could take its place: then it is tried again later. */
  async #renew(worker: PooledWorker): Promise<void> {
    if (worker.isRenewing) return;
    worker.isRenewing = true;
    if (await this.#startSuccessor(worker)) {
      this.#retire(worker);
      this.#pump();
    } else {
      worker.liveOn();
    }
  }

  /** Whether a worker stands beside it then, or none is needed. */
  async #startSuccessor(worker: PooledWorker): Promise<boolean> {
    const idledMs = this.#deps.clock.monotonicMs() - (worker.idleSinceMs ?? Infinity);
    if (!this.#isHeld && idledMs > IN_USE_MS) return true;
    if (this.#deps.load.startsAllowed(this.memoryMib) === 0) return false;
    this.#deps.load.spendStarts(1);
    return (await this.#start(this.#deps.zygotes)).kind === 'started';
  }

  /** Of those that may end for want of work; what is held stays. */
  #longestIdle(): PooledWorker | null {
    const idle = this.#workers.filter(({ zygote }) => zygote.link.inFlight === 0);
    if (this.#waiting.length > 0 || (this.#isHeld && this.#workers.length === 1)) return null;
    return idle.toSorted((a, b) => (a.idleSinceMs ?? 0) - (b.idleSinceMs ?? 0))[0] ?? null;
  }

  #retireAll(): void {
    for (const worker of this.#workers.slice()) this.#retire(worker);
  }

  /** No more leases; it ends when it has nothing left. */
  #retire(worker: PooledWorker): void {
    const index = this.#workers.indexOf(worker);
    if (index === -1) return;
    this.#workers.splice(index, 1);
    this.#leaving.add(worker);
    this.#endIfDone(worker);
  }

  #endIfDone(worker: PooledWorker): void {
    const { link, sandbox } = worker.zygote;
    if (link.inFlight > 0 || worker.isEnding) return;
    worker.isEnding = true;
    worker.thaw();
    link.drain();
    // It may still finish what it was asked to wait for, however short requests have to be.
    const cancel = this.#deps.clock.after(MAX_BACKGROUND_MS + FAREWELL_MS, () => sandbox.kill());
    void sandbox.exited.then(cancel);
  }

  #logEnd(text: string): void {
    this.#deps.log.line(this.#source, { level: 'error', text, requestId: null, dropped: 0 });
  }

  /** A worker that has ended or must: its invocations fail with the reason. */
  async #discard(worker: PooledWorker, reason: string | null): Promise<void> {
    const wasLeaving = this.#leaving.has(worker);
    const index = this.#workers.indexOf(worker);
    if (index !== -1) this.#workers.splice(index, 1);
    this.#leaving.add(worker);
    const { link, sandbox } = worker.zygote;
    link.listen({});
    // One that hung up by itself is about to tell with which code it exited.
    if (reason !== null) sandbox.kill();
    const hadWork = link.inFlight > 0;
    if (!wasLeaving || hadWork) this.#failed(worker);
    const failure =
      reason === null
        ? await failureOfExit(sandbox, this.served.memoryMib, this.#deps.clock)
        : ({ kind: 'worker-gone', message: reason } as const);
    sandbox.kill();
    link.destroy();
    const told = link.failAll(failure);
    // No request's log will tell: it ended between two, or after it had answered.
    if (told === 0 && (!wasLeaving || reason !== null)) this.#logEnd(textOf(failure));
    this.#leaving.delete(worker);
    this.#pump();
    this.#deps.load.roomMade();
    this.#checkDrained();
  }

  #armIdleTimer(delayMs: number): void {
    if (this.#cancelIdleTimer !== null) return;
    this.#cancelIdleTimer = this.#deps.clock.after(delayMs, () => this.#endIdle());
  }

  #endIdle(): void {
    this.#cancelIdleTimer = null;
    const now = this.#deps.clock.monotonicMs();
    const { expired, freezing, lookAgainInMs } = idleWorkers(this.#workers, now, this.#options);
    if (!this.#isHeld) for (const worker of expired) this.#retire(worker);
    for (const worker of freezing) worker.freeze();
    for (const worker of this.#workers.slice())
      if (worker.endsAtMs <= now) void this.#renew(worker);
    if (this.#workers.length > 0) this.#armIdleTimer(lookAgainInMs ?? this.#firstLookMs);
  }

  get #firstLookMs(): number {
    return Math.min(this.#options.idleMs, this.#options.freezeMs ?? Infinity);
  }

  /** Those that have only background work left have a deadline of their own. */
  #killAll(): void {
    for (const { zygote, isEnding } of [...this.#workers, ...this.#leaving]) {
      if (!isEnding) zygote.sandbox.kill();
    }
  }

  #checkDrained(): void {
    const isEmpty =
      this.workerCount + this.#starting + this.#outdatedStarts === 0 && this.#waiting.length === 0;
    if (!isEmpty || this.#drained === null) return;
    this.#cancelIdleTimer?.();
    this.#drained.resolve();
  }
}
