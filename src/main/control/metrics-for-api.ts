import type { MetricsForApi } from '../../api/index.ts';
import type { Clock } from '../../std/clock.ts';
import type { DataPlane } from './data-plane.ts';
import type { Logger } from '../process/log.ts';

/** Who reads on and on, like a dashboard, has figures of no longer ago, and waits for nobody. */
const FRESH_MS = 1_000;
/** For such readers: each flush is a commit. */
const FLUSH_INTERVAL_MS = 250;

/** Whoever reads metrics at the same time shares what the data processes are asked. */
export function createMetricsForApi(
  data: Pick<DataPlane, 'flushMetrics' | 'status'>,
  clock: Pick<Clock, 'monotonicMs'>,
  log: Pick<Logger, 'debug'>,
): MetricsForApi {
  /** When the last flush that has ended, and the last of all, began. */
  let flushedAt = Number.NEGATIVE_INFINITY;
  let beganAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | null = null;
  const onAway = (err: unknown): null => {
    log.debug({ err }, 'the router was not asked for its metrics');
    return null;
  };

  /** Joins the one that is under way. */
  function flush(): Promise<void> {
    running ??= begin();
    return running;
  }

  async function begin(): Promise<void> {
    beganAt = clock.monotonicMs();
    await data.flushMetrics().catch(onAway);
    flushedAt = beganAt;
    running = null;
  }

  return {
    async flush() {
      const now = clock.monotonicMs();
      if (now - beganAt >= FLUSH_INTERVAL_MS) void flush();
      const oldest = now - FRESH_MS;
      if (flushedAt < oldest) await flush();
      // The one that was joined may have begun too early.
      if (flushedAt < oldest) await flush();
    },
    running: () => data.status().catch(onAway),
  };
}
