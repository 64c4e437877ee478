import type { MetricsForApi } from '../api/index.ts';
import type { Clock } from '../std/clock.ts';
import { shareRuns } from '../std/shared-run.ts';
import type { DataPlane } from './data-plane.ts';
import type { Logger } from './log.ts';

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
  let flushedAt = Number.NEGATIVE_INFINITY;
  let askedAt = Number.NEGATIVE_INFINITY;
  const onAway = (err: unknown): null => {
    log.debug({ err }, 'the router was not asked for its metrics');
    return null;
  };
  const flushNow = shareRuns(async () => {
    askedAt = clock.monotonicMs();
    const startedAt = askedAt;
    await data.flushMetrics().catch(onAway);
    flushedAt = startedAt;
  });
  return {
    async flush() {
      const now = clock.monotonicMs();
      if (now - flushedAt >= FRESH_MS) await flushNow();
      else if (now - askedAt >= FLUSH_INTERVAL_MS) void flushNow();
    },
    running: () => data.status().catch(onAway),
  };
}
