import type { MetricsForApi } from '../api/index.ts';
import type { Clock } from '../std/clock.ts';
import { shareRuns } from '../std/shared-run.ts';
import type { DataPlane } from './data-plane.ts';
import type { Logger } from './log.ts';

/** Metrics that are no older serve a reader: each flush is a commit, and dashboards read many at once. */
const FRESH_MS = 250;

/** Whoever reads metrics at the same time shares what the data processes are asked. */
export function createMetricsForApi(
  data: Pick<DataPlane, 'flushMetrics' | 'status'>,
  clock: Pick<Clock, 'monotonicMs'>,
  log: Pick<Logger, 'debug'>,
): MetricsForApi {
  let flushedAt = Number.NEGATIVE_INFINITY;
  const onAway = (err: unknown): null => {
    log.debug({ err }, 'the router was not asked for its metrics');
    return null;
  };
  const flushNow = shareRuns(async () => {
    const startedAt = clock.monotonicMs();
    await data.flushMetrics().catch(onAway);
    flushedAt = startedAt;
  });
  return {
    async flush() {
      if (clock.monotonicMs() - flushedAt >= FRESH_MS) await flushNow();
    },
    running: () => data.status().catch(onAway),
  };
}
