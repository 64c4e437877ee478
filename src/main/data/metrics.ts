import type { ControlForData } from '../../protocol/logs.ts';
import { createRpcClient } from '../../protocol/rpc.ts';
import { systemClock } from '../../std/clock.ts';
import { randomName } from '../../std/ids.ts';
import { MetricsRecorder, MetricsShipper } from '../../telemetry/index.ts';
import type { Logger } from '../process/log.ts';
import type { DataOptions } from '../process/start-options.ts';

/** Control commits a batch in milliseconds; one that does not answer is asked again later. */
const SEND_DEADLINE_MS = 3_000;
/** Names this process among all that ever were. */
const SOURCE_CHARACTERS = 16;

interface DataMetrics {
  recorder: MetricsRecorder;
  shipper: MetricsShipper;
}

/** The data process's half of the metrics. */
export function startDataMetrics({ sockets, dataSockets }: DataOptions, log: Logger): DataMetrics {
  const call = createRpcClient<ControlForData>(sockets.controlForData, 'control');
  const recorder = new MetricsRecorder(dataSockets.length);
  const shipper = new MetricsShipper({
    source: randomName(SOURCE_CHARACTERS),
    recorder,
    send: (batch) => call('storeMetrics', batch, { signal: AbortSignal.timeout(SEND_DEADLINE_MS) }),
    clock: systemClock,
    onLost: (what, err) => log.warn({ err }, `metrics were lost: ${what}`),
  });
  return { recorder, shipper };
}
