/** The door and the pool in this process, with real worker processes behind them. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import type { PoolOptions } from '../../src/main/process/start-options.ts';
import type { ServedDeployment, ServedFunction } from '../../src/model/served.ts';
import {
  appLimitsOf,
  createBundleCode,
  createPool,
  NO_CODE_CACHES,
  type InvocationFailure,
  type Sandboxes,
} from '../../src/pool/index.ts';
import type { CodeCaches } from '../../src/pool/ports.ts';
import type { LogLine } from '../../src/protocol/worker.ts';
import { createDoor, type DoorDeps } from '../../src/router/index.ts';
import { systemClock, type Clock } from '../../src/std/clock.ts';
import { servedDeployment, servedFunction, storeBundle, wrapModule } from './function-code.ts';
import { createWorkerProcesses } from './worker-process.ts';
import { PUBLIC_ACCESS } from './public-access.ts';

interface DataPlaneOptions {
  pool?: Partial<PoolOptions>;
  environment?: Record<string, string>;
  secretNames?: string[];
  execArgv?: string[];
  trustedProxies?: string[];
  https?: NonNullable<DoorDeps['https']>;
  /** Instead of plain processes; closed by who made them. */
  sandboxes?: Sandboxes;
  /** None are kept otherwise. */
  caches?: CodeCaches;
  /** Of the pool. */
  clock?: Clock;
  /** Told of each invocation, too. */
  invocations?: DoorDeps['invocations'];
}

const POOL: PoolOptions = {
  zygotes: 1,
  queueLength: 100,
  queueMs: 10_000,
  idleMs: 60_000,
  freezeMs: null,
  initTimeoutMs: 10_000,
  drainMs: 10_000,
};

export async function startDataPlane(options: DataPlaneOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'data-plane-'));
  const bundlesDir = join(folder, 'bundles');
  const lines: LogLine[] = [];
  const failures: InvocationFailure[] = [];
  const unreadable: unknown[] = [];
  const untaken: { appName: string; connections: number }[] = [];
  const processes = await createWorkerProcesses({
    environmentOf: () => options.environment ?? {},
    ...(options.secretNames && { secretNames: options.secretNames }),
    ...(options.execArgv && { execArgv: options.execArgv }),
  });
  const pool = createPool(
    {
      sandboxes: options.sandboxes ?? processes,
      code: createBundleCode(bundlesDir, 1024 * 1024),
      caches: options.caches ?? NO_CODE_CACHES,
      log: { line: (_source, line) => void lines.push(line) },
      clock: options.clock ?? systemClock,
      appLimits: appLimitsOf(totalmem()),
    },
    { ...POOL, ...options.pool },
  );
  const door = createDoor(
    {
      functions: pool,
      failures: {
        unreadable: (_deployment, _requestId, error) => void unreadable.push(error),
        untaken: (deployment, connections) =>
          void untaken.push({ appName: deployment.appName, connections }),
      },
      invocations: {
        ended: (target, end) => {
          if (end.failure !== null) failures.push(end.failure);
          options.invocations?.ended(target, end);
        },
      },
      clock: systemClock,
      ...(options.https && { https: options.https }),
    },
    {
      address: { baseDomain: 'localhost', controlHost: 'localhost', scheme: 'http', port: 0 },
      sockets: {
        controlApi: join(folder, 'control.sock'),
        gitHttp: join(folder, 'git.sock'),
      },
      bundlesDir,
      trustedProxies: options.trustedProxies ?? [],
      protections: { 'memory-limit': 'on' },
      drainMs: 10_000,
    },
  );
  door.server.listen(0, '127.0.0.1');
  await once(door.server, 'listening');
  const { port } = door.server.address() as AddressInfo;

  const apps = new Map<string, ServedDeployment>();
  let generation = 0;

  /** Replaces the routes by what `apps` holds. */
  function publish(): void {
    const deployments = [...apps.values()];
    door.applySnapshot({
      generation: ++generation,
      deployments,
      apps: deployments.map(({ appName, id, commit }) => ({
        name: appName,
        access: PUBLIC_ACCESS,
        production: id,
        slugs: {},
        commits: { [commit]: id },
      })),
    });
    pool.keepOnly(deployments);
  }

  return {
    port,
    folder,
    pool,
    door,
    processes,
    lines,
    failures,
    unreadable,
    untaken,
    bundlesDir,
    /** Makes a deployment of the code without routing to it. */
    async deployment(
      code: string,
      settings: Partial<ServedFunction> = {},
      appName = 'hello',
    ): Promise<ServedDeployment> {
      const bundle = await storeBundle(bundlesDir, code);
      return servedDeployment({ bundle, appName, functions: [servedFunction(settings)] });
    },
    route(deployment: ServedDeployment): void {
      apps.set(deployment.appName, deployment);
      publish();
    },
    /** Routes the app to a new deployment of this module. */
    async deploy(
      source: string,
      settings: Partial<ServedFunction> = {},
      appName = 'hello',
    ): Promise<ServedDeployment> {
      const deployment = await this.deployment(await wrapModule(source), settings, appName);
      this.route(deployment);
      return deployment;
    },
    async close(): Promise<void> {
      await door.close();
      await pool.close();
      await processes.close();
      await rm(folder, { recursive: true });
    },
  };
}

export type DataPlane = Awaited<ReturnType<typeof startDataPlane>>;
