import type { ControlForData } from '../../protocol/logs.ts';
import { createRpcClient } from '../../protocol/rpc.ts';
import { systemClock } from '../../std/clock.ts';
import { randomName } from '../../std/ids.ts';
import { LogRecorder, LogShipper, openLogSpool } from '../../telemetry/index.ts';
import type { DataOptions } from '../process/start-options.ts';

/** Control commits a batch in milliseconds; one that does not answer is taken for absent, and disk takes over. */
const SEND_DEADLINE_MS = 3_000;
/** Names this process among all that ever were. */
const SOURCE_CHARACTERS = 16;

interface DataLogs {
  recorder: LogRecorder;
  shipper: LogShipper;
  /** To be called before the door closes, which would wait for whoever follows a log. */
  endStreams(): Promise<void>;
}

/** The data process's half of the logs. */
export async function startDataLogs(
  options: DataOptions,
  spreadOf?: (appName: string) => number,
): Promise<DataLogs> {
  const processes = options.dataSockets.length;
  const call = createRpcClient<ControlForData>(options.sockets.controlForData, 'control');
  const shipper = new LogShipper({
    source: randomName(SOURCE_CHARACTERS),
    send: (batch) => call('storeLogs', batch, { signal: AbortSignal.timeout(SEND_DEADLINE_MS) }),
    spool: await openLogSpool(options.logsDir, () => systemClock.now(), {
      place: options.place,
      processes,
    }),
    processes,
    clock: systemClock,
  });
  return {
    recorder: new LogRecorder(shipper, systemClock, spreadOf),
    shipper,
    endStreams: async () => {
      const signal = AbortSignal.timeout(SEND_DEADLINE_MS);
      // A control that is away has none.
      await call('endLogStreams', null, { signal }).catch(() => null);
    },
  };
}
