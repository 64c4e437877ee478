/**
 * The workers of one function of one deployment. Requests go to a worker with room at once; the others wait in a
 * bounded queue, which starts as many workers as it needs. It serves from its making until it is drained, and while
 * it drains it still serves what had come before.
 *
 * Over 300 lines: its counts of workers, starts and waiting requests only make sense when they change together.
 */
import type { PoolOptions } from '../main/process/start-options.ts';
import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import { chooseWorker, workersToStart } from './decisions.ts';
import type { AppLoad, AppMember } from './app-load.ts';
import { CacheMaking, type CodeUse } from './cache-making.ts';
import { failureOfExit, PooledWorker, textOf } from './pooled-worker.ts';
import { functionKey } from './function-key.ts';
import { IdleWatch } from './idle-watch.ts';
import { LinePatience } from './line-patience.ts';
import type { FunctionSource, Invocation, InvocationFailure } from './ports.ts';
import { RestartGate } from './restart-gate.ts';
import { startsSpentText } from './start-budget.ts';
import { Succession } from './succession.ts';
import { WaitingLine, type Next } from './waiting-line.ts';
import {
  linesOf,
  sourceOf,
  startFunctionWorker,
  type StartDeps,
  type StartResult,
} from './worker-start.ts';
import { WorkerSet } from './worker-set.ts';
import type { ZygoteSource } from './zygote-turns.ts';
import type { Zygote } from './zygotes.ts';

const RETRY_AFTER_MS = 1_000;
/**
 * Requests that wait no longer than this while workers run get no further worker: quick handlers leave room again
 * in less, and each worker costs memory and a share of the batching.
 */
const SCALE_UP_WAIT_MS = 5;
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
  readonly #patience = new LinePatience();
  readonly #gate: RestartGate;
  readonly #cacheMaking: CacheMaking;
  readonly #workers: WorkerSet;
  readonly #idleWatch: IdleWatch;
  readonly #succession: Succession;
  #starting = 0;
  /** Starts that `restart` overtook: what comes of them is thrown away. */
  #outdatedStarts = 0;
  /** Counts the calls of `restart`, so that each start knows whether one came since. */
  #epoch = 0;
  #isHeld = false;
  /** It has had a request since it was last warmed. */
  #isWarmable = false;
  #isScaleTimerSet = false;
  #isTurnTimerSet = false;
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
    this.#workers = new WorkerSet(deps.clock);
    this.#idleWatch = new IdleWatch(deps.clock, this.#workers, options, {
      maySleep: () => !this.#isHeld,
      renew: (worker) => void this.#succession.renew(worker),
    });
    this.#succession = new Succession(deps.clock, this.#workers, {
      isHeld: () => this.#isHeld,
      startAnother: () => this.#startAnother(),
      replaced: () => this.#pump(),
      log: (text) => this.#log('warn', text),
    });
    deps.load.join(this);
  }

  get key(): string {
    return functionKey(this.deployment.id, this.served.name);
  }

  get workerCount(): number {
    return this.#workers.count;
  }

  get startingCount(): number {
    return this.#starting + this.#outdatedStarts;
  }

  get leavingCount(): number {
    return this.#workers.leavingCount;
  }

  get memoryMib(): number {
    return this.served.memoryMib;
  }

  get idleSinceMs(): number | null {
    return this.#longestIdle()?.idleSinceMs ?? null;
  }

  endIdle(): void {
    const worker = this.#longestIdle();
    if (worker !== null) this.#workers.retire(worker);
  }

  endLeastBusy(): void {
    const worker = this.#workers.leastBusy();
    if (worker !== null) this.#workers.retire(worker);
  }

  /** Of its workers in another data process. */
  failedElsewhere(failures: number, forMs: number): void {
    this.#gate.failedElsewhere(failures, forMs);
  }

  roomMade(): void {
    this.#startWhatIsNeeded();
  }

  get inFlight(): number {
    return this.#waiting.length + this.#workers.inFlight;
  }

  /** Gives the invocation to a worker, or lets it wait, or fails it; never throws. */
  dispatch(invocation: Invocation): void {
    this.#isWarmable = true;
    if (!this.#deps.load.takesRequest()) {
      invocation.failed({ kind: 'queue-full', retryAfterMs: RETRY_AFTER_MS });
      return;
    }
    const worker = this.#waiting.unpromised === 0 ? chooseWorker(this.#workers.leasable) : null;
    if (worker !== null) {
      this.#lease(worker, invocation, null);
      return;
    }
    const blockage = this.#workers.leasable.length + this.#starting > 0 ? null : this.#blockage();
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
    const nowMs = this.#deps.clock.monotonicMs();
    if (firstSinceMs === null) this.#patience.restart(nowMs);
    if (firstSinceMs === null || this.#starting > 0) return true;
    return this.#patience.allows({ firstSinceMs, nowMs, inFlight: this.#workers.inFlight });
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
      if (this.#workers.leasable.length > 0) return { kind: 'running' };
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
    const needsAnother = this.#isHeld && this.#workers.leasable.length > 0;
    this.#workers.retireAll();
    // The new environment may be what mends a function that kept failing.
    this.#gate.reset();
    if (needsAnother) this.#startMore(1, this.#owed);
    this.#startWhatIsNeeded();
  }

  /** What was held may idle out. */
  unhold(): void {
    this.#isHeld = false;
    this.#idleWatch.arm();
  }

  /** Thaws or starts a worker for a request that may come; false when one is ready, or none may be woken. */
  warm(): boolean {
    if (!this.#isWarmable || this.#drained !== null || this.#starting > 0) return false;
    const isWoken = this.#workers.leasable.length > 0 ? this.#thawOne() : this.#startAhead();
    if (isWoken) this.#isWarmable = false;
    return isWoken;
  }

  /** Without a request it freezes again. */
  #thawOne(): boolean {
    const worker = chooseWorker(this.#workers.leasable);
    if (worker?.isFrozen !== true) return false;
    this.#idleWatch.thaw(worker);
    return true;
  }

  #startAhead(): boolean {
    if (this.#gate.opensInMs > 0 || this.#deps.load.startsAllowed(this.memoryMib) === 0) {
      return false;
    }
    this.#startMore(1, this.#deps.zygotes);
    return true;
  }

  /** Finishes what is in flight and waiting, then ends all workers; after `drainMs` it ends them regardless. */
  drain(): Promise<void> {
    if (this.#drained === null) {
      this.#isHeld = false;
      this.#cacheMaking.close();
      this.#drained = Promise.withResolvers<void>();
      const cancel = this.#deps.clock.after(this.#options.drainMs, () => this.#workers.killAll());
      void this.#drained.promise.then(cancel);
      this.#afterQueueShrank();
    }
    return this.#drained.promise;
  }

  #lease(worker: PooledWorker, invocation: Invocation, next: Next | null): void {
    worker.idleSinceMs = null;
    worker.requestsLeft -= 1;
    if (worker.isFrozen) this.#idleWatch.thaw(worker);
    const coldStartMs = next?.isForStart === true ? next.waitedMs : null;
    worker.zygote.link.invoke(invocation, coldStartMs, next?.sinceMs);
  }

  /** Gives waiting invocations to workers with room. */
  #pump(): void {
    for (;;) {
      if (this.#waiting.length === 0) break;
      const worker = chooseWorker(this.#workers.leasable);
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
    this.#workers.retireAll();
    this.#checkDrained();
  }

  #startWhatIsNeeded(): void {
    if (this.#waiting.length === 0) return;
    if (this.#gate.opensInMs > 0) return;
    const isServing = this.#workers.leasable.some(({ isSuspect }) => !isSuspect);
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
    const beganAtMs = this.#deps.clock.monotonicMs();
    const isAlone = this.#starting === 1 && this.#workers.leasable.length === 0;
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
    this.#patience.restart(this.#deps.clock.monotonicMs());
    if (result.kind !== 'started') this.#startFailed(result, beganAtMs);
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
    if (zygote.link.inFlight > 0) this.#workers.retire(this.#adopt(zygote));
  }

  /** What started with an environment that is no longer the deployment's. */
  #throwAway(result: StartResult): { kind: 'outdated' } {
    this.#outdatedStarts--;
    if (result.kind === 'started' && !this.#workers.has(result.zygote)) {
      result.zygote.sandbox.kill();
      result.zygote.link.destroy();
    }
    this.#pump();
    return { kind: 'outdated' };
  }

  #adopt(zygote: Zygote): PooledWorker {
    const worker = new PooledWorker(zygote, this.#deps.clock.monotonicMs(), Math.random());
    this.#workers.add(worker);
    void zygote.sandbox.nearMemoryLimit?.then(() =>
      this.#succession.nearMemoryLimit(worker, this.memoryMib),
    );
    zygote.link.listen({
      settled: (succeeded) => this.#settled(worker, succeeded),
      nacked: (invocation, waitedSinceMs) => {
        this.#waiting.putBack(invocation, waitedSinceMs);
        this.#pump();
      },
      retiring: () => {
        this.#failed(worker);
        this.#workers.retire(worker);
        this.#pump();
      },
      ...linesOf(this.#deps.log, this.#source),
      unusable: (reason) => void this.#discard(worker, reason),
      closed: () => void this.#discard(worker, null),
    });
    this.#idleWatch.arm();
    return worker;
  }

  /** Nobody else will start one for those who wait, unless another start still runs. */
  #startFailed(result: Exclude<StartResult, { kind: 'started' }>, beganAtMs: number): void {
    if (result.kind === 'init-failed') this.#gate.failed(beganAtMs);
    else this.#gate.pause(UNAVAILABLE_PAUSE_MS);
    if (this.#workers.leasable.length > 0 || this.#starting > 0) return;
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
    this.#patience.requestEnded();
    const { link } = worker.zygote;
    if (succeeded) this.#cacheMaking.answered(worker.zygote);
    if (this.#workers.isLeaving(worker)) {
      this.#workers.endIfDone(worker);
      return;
    }
    if (link.isSpent) this.#workers.retire(worker);
    else if (worker.requestsLeft <= 0) void this.#succession.renew(worker);
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

  async #startAnother(): Promise<boolean> {
    if (this.#deps.load.startsAllowed(this.memoryMib) === 0) return false;
    this.#deps.load.spendStarts(1);
    return (await this.#start(this.#deps.zygotes)).kind === 'started';
  }

  /** Of those that may end for want of work; what is held stays. */
  #longestIdle(): PooledWorker | null {
    if (this.#waiting.length > 0 || (this.#isHeld && this.#workers.leasable.length === 1))
      return null;
    return this.#workers.longestIdle();
  }

  #log(level: 'warn' | 'error', text: string): void {
    this.#deps.log.line(this.#source, { level, text, requestId: null, dropped: 0 });
  }

  /** A worker that has ended or must: its invocations fail with the reason. */
  async #discard(worker: PooledWorker, reason: string | null): Promise<void> {
    const wasLeaving = this.#workers.isLeaving(worker);
    this.#workers.exclude(worker);
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
    if (told === 0 && (!wasLeaving || reason !== null)) this.#log('error', textOf(failure));
    this.#workers.forget(worker);
    this.#pump();
    this.#deps.load.roomMade();
    this.#checkDrained();
  }

  #checkDrained(): void {
    const isEmpty =
      this.workerCount + this.#starting + this.#outdatedStarts === 0 && this.#waiting.length === 0;
    if (!isEmpty || this.#drained === null) return;
    this.#idleWatch.close();
    this.#drained.resolve();
  }
}
