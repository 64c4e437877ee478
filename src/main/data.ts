/** The data process: the door and the pools. It needs no other process to answer requests. */
import { once } from 'node:events';
import type { Server } from 'node:net';
import type { Readable } from 'node:stream';
import { totalmem } from 'node:os';
import {
  type AppLimits,
  appLimitsOf,
  createBundleCode,
  createPool,
  maxZygotesOf,
  openCodeCaches,
} from '../pool/index.ts';
import type { FunctionLog } from '../pool/ports.ts';
import type { ServedDeployment } from '../model/served.ts';
import { type DataForControl, MAX_PAYLOAD_BYTES } from '../protocol/data-plane.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { Snapshot } from '../protocol/snapshot.ts';
import { createRpcServer } from '../protocol/rpc.ts';
import {
  createDoor,
  createPostInvocation,
  deploymentFault,
  type DoorDeps,
  HELD_BOUNDS,
  readSnapshotFile,
  releaseRunFault,
} from '../router/index.ts';
import { systemClock } from '../std/clock.ts';
import { failpoint } from '../std/failpoint.ts';
import { failureDetails, RequestLines } from '../telemetry/index.ts';
import { listenOnSocket } from './process/listen-on-socket.ts';
import { askForRoutes } from './data/ask-for-routes.ts';
import { openHttps } from './data/https.ts';
import { startDataLogs } from './data/logs.ts';
import { startDataMetrics } from './data/metrics.ts';
import { createLog, type Logger } from './process/log.ts';
import { createFleetClient, type DataHost, divideHost } from './data/fleet-client.ts';
import { createSandboxClient } from './process/sandbox-client.ts';
import { startChild, type RunningChild } from './process/child-process.ts';
import { dataProcessName } from './data/process-name.ts';
import type { DataOptions, PoolOptions } from './process/start-options.ts';

const UNTAKEN_MIB = HELD_BOUNDS.perOwnerBytes / (1024 * 1024);
/** Of functions' code, in memory. */
const CODE_BYTES = 64 * 1024 * 1024;
/** Of each deployment's failures that are the platform's own. */
const MAX_LINES_PER_SECOND = 200;
/** Deployments that are told apart within a second; lines of any more are dropped. */
const MAX_LOG_SOURCES = 1_000;

startChild(startData);

async function startData(options: DataOptions, host: DataHost): Promise<RunningChild> {
  const log = createLog('data', options.isVerbose);
  const { ofSandboxes, ofFleet } = divideHost(host);
  const sandboxClient = createSandboxClient(ofSandboxes);
  const processes = options.dataSockets.length;
  const fleet = processes === 1 ? null : createFleetClient(ofFleet, systemClock);
  const logs = await startDataLogs(options, fleet?.spreadOf);
  const metrics = startDataMetrics(options, log);
  const lines = new RequestLines(logs.recorder);
  const invocations = both(logs.recorder, metrics.recorder);
  const pool = createPool(
    {
      sandboxes: { start: (memoryMib) => sandboxClient.startZygote(memoryMib) },
      code: createBundleCode(options.bundlesDir, CODE_BYTES / processes),
      caches: await openCodeCaches(
        options.codeCachesDir,
        { place: options.place, processes },
        (error) => log.warn({ err: error }, 'a code cache is not kept'),
      ),
      log: lines,
      clock: systemClock,
      appLimits: shareOfStarts(appLimitsOf(totalmem()), processes),
      maxZygotes: maxZygotesOf(totalmem() / processes),
      ...(fleet !== null && { claims: fleet }),
    },
    shareOfPool(options.pool, processes),
  );
  fleet?.serve(pool);
  const https = await openHttps(options, ofSandboxes, log);
  const door = createDoor(
    {
      functions: pool,
      failures: failureLog(log, logs.recorder),
      invocations,
      clock: systemClock,
      ...(https !== null && { https }),
    },
    { ...options, others: othersOf(options) },
  );
  https?.serve(door);

  const post = createPostInvocation({
    functions: pool,
    invocations,
    lines,
    describeFailure: failureDetails,
    clock: systemClock,
  });
  let served = new Map<string, ServedDeployment>();
  let routes: Snapshot = { generation: 0, apps: [], deployments: [] };
  let areRoutesWhole = true;

  /** One that is none is refused with its reason, and what was applied before goes on serving. */
  async function applySnapshot(named: number): Promise<number> {
    areRoutesWhole = true;
    const snapshot = await readSnapshotFile(options.snapshotFile, (fault) => {
      areRoutesWhole = false;
      log.error({ fault }, 'a deployment is left out of the routes');
    });
    await failpoint('data.routes-read');
    // A slower read of an older file must not undo a newer one. A restored database counts from its own number on.
    if (snapshot.generation >= door.generation || snapshot.generation === named) {
      door.applySnapshot(snapshot);
      pool.keepOnly(snapshot.deployments);
      routes = snapshot;
      served = new Map(snapshot.deployments.map((one) => [one.id, one]));
    }
    await failpoint('data.routes-taken');
    return door.generation;
  }

  /** A file that is none leaves data without routes, and running, until control has written it anew. */
  async function applyStored(): Promise<void> {
    try {
      await applySnapshot(0);
    } catch (error) {
      areRoutesWhole = false;
      log.error({ err: error }, 'the stored routes are refused');
    }
  }

  await applyStored();
  const rpc = createRpcServer<DataForControl>(
    {
      applySnapshot: async ({ generation }) => ({ generation: await applySnapshot(generation) }),
      applyCertificates: async ({ generation }) => ({
        // Without HTTPS there is nothing to take over.
        generation: (await https?.certificates.load(generation)) ?? generation,
      }),
      prepare: async ({ deployment, functions }) => {
        refuse(deploymentFault(deployment));
        await failpoint('data.prepare-asked');
        const prepared = await pool.prepare(deployment, functions);
        await failpoint('data.prepared');
        return prepared;
      },
      runReleaseCommand: async (run, { progress, signal }) => {
        refuse(releaseRunFault(run));
        return pool.runReleaseCommand(run, { print: (line) => progress({ line }), signal });
      },
      invoke: async ({ deployment: id, function: name, host: hostName }, { body, signal }) => {
        const deployment = served.get(id);
        const target = deployment?.functions.find((one) => one.name === name);
        if (deployment === undefined || target === undefined) return { kind: 'unknown' };
        const payload = await readPayload(body);
        return post({ deployment, served: target, host: hostName }, payload, signal);
      },
      release: async ({ deployment }) => {
        pool.release(deployment);
        return null;
      },
      restart: async ({ deployments }) => {
        pool.restart(deployments);
        return null;
      },
      followLogs: async ({ apps }) => {
        logs.shipper.follow(apps);
        return null;
      },
      flushMetrics: async () => {
        await metrics.shipper.flush();
        return null;
      },
      inspect: async () => ({ routes, slots: sandboxClient.slots() }),
      status: async () => ({ generation: door.generation, ...pool.status() }),
    },
    (method, error) => log.error({ method, err: error }, 'call failed'),
  );
  await listenOnSocket(rpc, options.dataSockets[options.place] ?? '');
  // What was published between the first look and now was told to nobody.
  await applyStored();
  const stopAsking = areRoutesWhole ? () => {} : askForRoutes(options.sockets.controlForData, log);
  await listenOn(door.server, options.listenFd);
  if (door.tls !== null && options.httpsListenFd !== null) {
    await listenOn(door.tls.server, options.httpsListenFd);
  }

  return {
    close: async () => {
      stopAsking();
      await logs.endStreams();
      await door.close();
      await failpoint('data.drained');
      await pool.close();
      rpc.close();
      rpc.closeAllConnections();
      await Promise.all([logs.shipper.close(), metrics.shipper.close()]);
    },
  };
}

function both(
  first: DoorDeps['invocations'],
  second: DoorDeps['invocations'],
): DoorDeps['invocations'] {
  return {
    ended: (target, end) => {
      first.ended(target, end);
      second.ended(target, end);
    },
  };
}

/** @throws PlatformError too-large */
async function readPayload(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_PAYLOAD_BYTES) throw new PlatformError('too-large', 'the payload is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function listenOn(server: Server, fd: number): Promise<void> {
  server.listen({ fd });
  await once(server, 'listening');
}

/** What all data processes have together is divided among them. */
function shareOfPool(
  { zygotes, queueLength, ...rest }: PoolOptions,
  processes: number,
): PoolOptions {
  return {
    ...rest,
    zygotes: Math.ceil(zygotes / processes),
    queueLength: Math.ceil(queueLength / processes),
  };
}

/** Workers and memory are counted over all processes, and requests divided among those that have the app's. */
function shareOfStarts(limits: AppLimits, processes: number): AppLimits {
  return { ...limits, starts: Math.ceil(limits.starts / processes) };
}

/** For `/readyz`. */
function othersOf({ dataSockets, place }: DataOptions): { name: string; socketPath: string }[] {
  return dataSockets
    .map((socketPath, at) => ({ name: dataProcessName({ dataSockets, place: at }), socketPath }))
    .toSpliced(place, 1);
}

/** @throws PlatformError that tells control what of its parameters is wrong. */
function refuse(fault: string | null): void {
  if (fault !== null) throw new PlatformError('bad-request', fault);
}

function failureLog(log: Logger, functionLog: FunctionLog): DoorDeps['failures'] {
  const allows = createRateLimit(MAX_LINES_PER_SECOND);
  return {
    unreadable: ({ appName, id }, requestId, error) => {
      if (allows(id))
        log.error(
          { app: appName, deployment: id, requestId, err: error },
          'public file unreadable',
        );
    },
    untaken: ({ appName, id, functions }, connections) => {
      const source = { appName, deployment: id, functionName: functions[0]?.name ?? '' };
      const text =
        `${connections} connections were closed: their clients took nothing, and more of what this app answers waits than ` +
        `may (${UNTAKEN_MIB} MiB)`;
      functionLog.line(source, { level: 'warn', text, requestId: null, dropped: 0 });
    },
  };
}

/** Functions and their callers decide how often something is logged, so it is bounded here. */
function createRateLimit(perSecond: number): (source: string) => boolean {
  let second = 0;
  const counts = new Map<string, number>();
  return (source) => {
    const now = Math.floor(systemClock.monotonicMs() / 1000);
    if (now !== second) counts.clear();
    second = now;
    const count = (counts.get(source) ?? 0) + 1;
    if (count === 1 && counts.size >= MAX_LOG_SOURCES) return false;
    counts.set(source, count);
    return count <= perSecond;
  };
}
