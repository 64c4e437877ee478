import { rewriteStack } from '../../build/index.ts';
import type { BundleStore } from '../../bundles/index.ts';
import type { ControlForData } from '../../protocol/logs.ts';
import { createRpcServer } from '../../protocol/rpc.ts';
import { systemClock } from '../../std/clock.ts';
import type { Database } from '../../store/database.ts';
import {
  createLogFollowers,
  createLogIngest,
  createOrigins,
  createStackResolver,
  ingestMetrics,
  startLogRetention,
  type LogFollowers,
  type Redactors,
} from '../../telemetry/index.ts';
import type { DataPlane } from './data-plane.ts';
import { listenOnSocket } from '../process/listen-on-socket.ts';
import type { Logger } from '../process/log.ts';
import type { ControlOptions } from '../process/start-options.ts';

interface ControlLogsDeps {
  db: Database;
  bundles: BundleStore;
  redactors: Redactors;
  log: Logger;
  publishRoutes: () => Promise<void>;
  data: Pick<DataPlane, 'followLogs'>;
}

/** Control's half of the logs: takes them in from data, and forgets what is old. */
export async function startControlLogs(
  { db, bundles, redactors, log, publishRoutes, data }: ControlLogsDeps,
  options: ControlOptions,
  stack: AsyncDisposableStack,
): Promise<LogFollowers> {
  const followers = createLogFollowers((apps) => {
    // A data process that is away learns of it by the answer to its next batch.
    data
      .followLogs(apps)
      .catch((error: unknown) =>
        log.debug({ err: error }, 'the router was not told who is followed'),
      );
  });
  const ingest = createLogIngest({
    db,
    redactors,
    followers,
    onError: (error) => log.error({ err: error }, 'log entries were stored without their text'),
    origins: createOrigins(db),
    stacks: createStackResolver(async (bundle, file, text) => {
      const map = await bundles.readFile(bundle, `${file}.map`);
      return rewriteStack(text, Buffer.from(map).toString(), file);
    }, systemClock),
  });
  const methods = createRpcServer<ControlForData>(
    {
      storeLogs: async (batch) => {
        await ingest.store(batch);
        return { followed: followers.appNames() };
      },
      storeMetrics: async (batch) => {
        await ingestMetrics(db, batch);
        return null;
      },
      endLogStreams: async () => {
        followers.endAll();
        return null;
      },
      publishRoutes: async () => {
        await publishRoutes();
        return null;
      },
    },
    (method, error) => log.error({ err: error, method }, 'call from the router failed'),
  );
  stack.defer(() => {
    methods.close();
    methods.closeAllConnections();
  });
  await listenOnSocket(methods, options.sockets.controlForData);

  const stopping = new AbortController();
  stack.defer(() => stopping.abort());
  const onError = (error: unknown): void => log.error({ err: error }, 'old logs were not removed');
  startLogRetention({ db, clock: systemClock, onError }, options.logs, stopping.signal);
  return followers;
}
