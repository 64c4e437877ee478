import type { MetricsForApi } from '../api/index.ts';
import { shareRuns } from '../std/shared-run.ts';
import type { DataPlane } from './data-plane.ts';
import type { Logger } from './log.ts';

/** Whoever reads metrics at the same time shares what the data processes are asked. */
export function createMetricsForApi(
  data: Pick<DataPlane, 'flushMetrics' | 'status'>,
  log: Pick<Logger, 'debug'>,
): MetricsForApi {
  const onAway = (err: unknown): null => {
    log.debug({ err }, 'the router was not asked for its metrics');
    return null;
  };
  return {
    flush: shareRuns(async () => {
      await data.flushMetrics().catch(onAway);
    }),
    running: () => data.status().catch(onAway),
  };
}
