/** The parts of the platform that fn dev runs in its own process: door and pool, on a folder of their own. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import {
  appLimitsOf,
  createBundleCode,
  createPool,
  type InvocationFailure,
  NO_CODE_CACHES,
} from '../../pool/index.ts';
import type { ServedDeployment } from '../../model/served.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { createDoor } from '../../router/index.ts';
import { systemClock } from '../../std/clock.ts';
import type { DevOutput } from './dev-output.ts';
import type { DevWorkers } from './dev-workers.ts';
import type { DevVersion } from './reloads.ts';
import type { SourceStacks } from './source-stacks.ts';

const HOST = '127.0.0.1';
const CODE_CACHE_BYTES = 64 * 1024 * 1024;
const DRAIN_MS = 5_000;
const POOL = {
  zygotes: 1,
  queueLength: 1_000,
  queueMs: 10_000,
  idleMs: 5 * 60_000,
  freezeMs: null,
  initTimeoutMs: 10_000,
  drainMs: DRAIN_MS,
};
/** How many ports above a taken one are tried. */
const PORTS_TRIED = 50;

interface DevServerDeps {
  workers: DevWorkers;
  output: DevOutput;
  bundlesDir: string;
  appName: string;
}

export function createDevServer({ workers, output, bundlesDir, appName }: DevServerDeps) {
  let served: DevVersion | null = null;
  let generation = 0;
  /** Workers of the version before still print while they finish. */
  const stacks = new Map<string, SourceStacks>();
  const stacksOf = (deployment: string): SourceStacks | undefined => stacks.get(deployment);

  const pool = createPool(
    {
      caches: NO_CODE_CACHES,
      sandboxes: workers,
      code: createBundleCode(bundlesDir, CODE_CACHE_BYTES),
      log: {
        line: ({ deployment, functionName }, { level, text }) => {
          const translated = stacksOf(deployment)?.translate(text) ?? text;
          output({ type: 'log', function: functionName, level, text: translated });
        },
      },
      clock: systemClock,
      appLimits: appLimitsOf(totalmem()),
    },
    POOL,
  );
  const door = createDoor(
    {
      functions: pool,
      failures: {
        unreadable: (_, requestId, error) =>
          output({ type: 'failure', requestId, lines: [` !     ${String(error)}`] }),
        untaken: () => {}, // Nobody else's requests are held up.
      },
      invocations: {
        ended: ({ deployment }, { requestId, failure }) => {
          if (failure === null) return;
          const lines = describeFailure(failure, stacksOf(deployment.id));
          output({ type: 'failure', requestId, lines });
        },
      },
      clock: systemClock,
    },
    {
      address: { baseDomain: 'localhost', controlHost: 'localhost', scheme: 'http', port: 0 },
      sockets: { controlApi: join(bundlesDir, 'none'), gitHttp: join(bundlesDir, 'none') },
      bundlesDir,
      trustedProxies: [],
      drainMs: DRAIN_MS,
      protections: {},
      isLocal: true,
    },
  );
  door.server.on('request', (request, response) => reportRequest(output, request, response));

  function apply(deployments: ServedDeployment[]): void {
    const apps = [{ name: appName, production: null, slugs: {}, commits: {} }];
    door.applySnapshot({ generation: ++generation, apps, deployments });
    pool.keepOnly(deployments);
  }

  apply([]);
  return {
    pool,
    /** Resolves to the port. */
    listen: (port: number, isFixed: boolean) => listen(door.server, port, isFixed),
    prepare: (version: DevVersion) => {
      stacks.set(version.deployment.id, version.stacks);
      const { deployment } = version;
      return pool.prepare(
        deployment,
        deployment.functions.map(({ name }) => name),
      );
    },
    serve: async (version: DevVersion): Promise<void> => {
      const old = served;
      served = version;
      apply([version.deployment]);
      for (const id of stacks.keys()) {
        if (id !== version.deployment.id && id !== old?.deployment.id) stacks.delete(id);
      }
      const spent = old?.deployment.bundle;
      if (spent === undefined || spent === version.deployment.bundle) return;
      await rm(join(bundlesDir, spent), { recursive: true, force: true });
    },
  };
}

async function listen(server: Server, port: number, isFixed: boolean): Promise<number> {
  const last = isFixed || port === 0 ? port : Math.min(port + PORTS_TRIED, 65_535);
  for (let tried = port; ; tried++) {
    try {
      server.listen(tried, HOST);
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EADDRINUSE' && tried < last) continue;
      throw new PlatformError('port-in-use', `port ${tried}: ${message}`, {
        hint: 'take another: fn dev --port 0 finds a free one',
        cause: error,
      });
    }
  }
}

function reportRequest(
  output: DevOutput,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const startedMs = performance.now();
  response.on('close', () => {
    const ms = Math.round(performance.now() - startedMs);
    const { method = '', url: path = '' } = request;
    output({ type: 'request', method, path, status: response.statusCode, ms });
  });
}

function describeFailure(failure: InvocationFailure, stacks: SourceStacks | undefined): string[] {
  switch (failure.kind) {
    case 'threw':
      return [
        ` !     ${failure.errorType}: ${failure.message}`,
        ...(stacks?.explain(failure.stack) ?? []),
      ];
    case 'init-failed':
      return [
        ` !     ${failure.failure.message}`,
        ...(stacks?.explain(failure.failure.stack) ?? []),
      ];
    case 'timeout':
      return [` !     the function took longer than ${failure.timeoutMs / 1000} s`];
    case 'out-of-memory':
      return [` !     the worker ran out of memory (limit ${failure.memoryMib} MB)`];
    case 'worker-gone':
    case 'unavailable':
    case 'starts-spent':
      return [` !     ${failure.message}`];
    case 'queue-full':
    case 'queue-timeout':
    case 'backing-off':
      return [` !     no worker for the request: ${failure.kind}`];
    default:
      return failure satisfies never;
  }
}
