/**
 * Brings what was counted from data to control, every few seconds and whenever somebody reads it. While control is away
 * it goes on being added up per function, so what waits never grows beyond what the recorder has and one batch.
 *
 * A process that is killed loses what it counted since its last batch.
 */
import { ERROR_TABLE, PlatformError } from '../protocol/errors.ts';
import type { FunctionDelta, MetricsBatch } from '../protocol/metrics.ts';
import type { Clock } from '../std/clock.ts';
import { shareRuns } from '../std/shared-run.ts';
import type { MetricsRecorder } from './metrics-recorder.ts';

const INTERVAL_MS = 5_000;
/** In JSON at most 12 KB each: a batch stays below what a call may carry. */
const MAX_BATCH_FUNCTIONS = 250;
/** A batch that control refuses this often, while it answers, is not offered again. */
const MAX_REFUSALS = 5;

interface ShipperDeps {
  /** Names this data process. */
  source: string;
  recorder: MetricsRecorder;
  /** @throws when control has not taken it */
  send(batch: MetricsBatch): Promise<unknown>;
  clock: Clock;
  /** What was counted is lost. */
  onLost(what: string, cause?: unknown): void;
}

export class MetricsShipper {
  readonly #deps: ShipperDeps;
  readonly #shareShipping: () => Promise<void>;
  #sequence = 0;
  /** Sent again as it is until control has it. */
  #unanswered: MetricsBatch | null = null;
  #refusals = 0;
  #cancel = (): void => {};
  #isClosed = false;

  constructor(deps: ShipperDeps) {
    this.#deps = deps;
    this.#shareShipping = shareRuns(() => this.#ship());
    this.#arm();
  }

  /** Resolves when control has all that was counted before the call. @throws when it has not taken it */
  async flush(): Promise<void> {
    await this.#shareShipping();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    await this.flush().catch((error: unknown) => this.#deps.onLost('of the last seconds', error));
  }

  #arm(): void {
    if (this.#isClosed) return;
    this.#cancel = this.#deps.clock.after(INTERVAL_MS, () => {
      const uncounted = this.#deps.recorder.takeUncounted();
      if (uncounted > 0) this.#deps.onLost(`of ${uncounted} invocations: too many functions`);
      // Who is away is asked again at the next time.
      void this.flush().then(
        () => this.#arm(),
        () => this.#arm(),
      );
    });
  }

  async #ship(): Promise<void> {
    if (this.#unanswered !== null) await this.#send(this.#unanswered);
    const counted = this.#deps.recorder.drain();
    for (let batch = this.#next(counted); batch !== null; batch = this.#next(counted)) {
      await this.#send(batch);
    }
  }

  #next(counted: Iterator<FunctionDelta>): MetricsBatch | null {
    const functions: FunctionDelta[] = [];
    while (functions.length < MAX_BATCH_FUNCTIONS) {
      const next = counted.next();
      if (next.done === true) break;
      functions.push(next.value);
    }
    if (functions.length === 0) return null;
    return { source: this.#deps.source, sequence: ++this.#sequence, functions };
  }

  async #send(batch: MetricsBatch): Promise<void> {
    this.#unanswered = batch;
    try {
      await this.#deps.send(batch);
    } catch (error) {
      if (!this.#isGivenUp(error)) throw error;
      this.#deps.onLost(`of ${batch.functions.length} functions`, error);
    }
    this.#unanswered = null;
    this.#refusals = 0;
  }

  #isGivenUp(error: unknown): boolean {
    const isRefused = error instanceof PlatformError && !ERROR_TABLE[error.code].retryable;
    this.#refusals = isRefused ? this.#refusals + 1 : 0;
    return this.#refusals >= MAX_REFUSALS;
  }
}
