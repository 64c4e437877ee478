import type { ServedFunction } from '../../src/model/served.ts';
import type { SnapshotDomain } from '../../src/protocol/snapshot.ts';
import { createDoor } from '../../src/router/index.ts';
import { systemClock } from '../../src/std/clock.ts';
import { servedDeployment, servedFunction } from './function-code.ts';
import { listen } from './listen.ts';
import { PUBLIC_ACCESS } from './public-access.ts';

type DoorDeps = Parameters<typeof createDoor>[0];
type DoorOptions = Parameters<typeof createDoor>[1];
type Door = ReturnType<typeof createDoor>;

interface HelloDoorOptions {
  functionPool: DoorDeps['functions']['functionPool'];
  invocations?: DoorDeps['invocations'];
  /** Of the one function. */
  served: Partial<ServedFunction>;
  /** Nobody listens there when they are absent. */
  sockets?: { controlApi: string; gitHttp: string };
  trustedProxies?: string[];
  /** Absent without HTTPS. */
  https?: DoorDeps['https'];
  /** Those of this machine's loopback otherwise. */
  address?: DoorOptions['address'];
  warm?: DoorDeps['functions']['warm'];
  /** Of the app. */
  domains?: SnapshotDomain[];
}

const LOOPBACK = {
  baseDomain: 'localhost',
  controlHost: 'localhost',
  scheme: 'http',
  port: 0,
} as const;

/** A door that routes the app `hello` to one function, which the test plays. */
export async function startHelloDoor(
  options: HelloDoorOptions,
): Promise<{ door: Door; port: number }> {
  const door = createDoor(
    {
      functions: {
        functionPool: options.functionPool,
        ...(options.warm && { warm: options.warm }),
      },
      failures: { unreadable: () => {}, untaken: () => {} },
      invocations: options.invocations ?? { ended: () => {} },
      clock: systemClock,
      ...(options.https && { https: options.https }),
    },
    {
      address: options.address ?? LOOPBACK,
      sockets: options.sockets ?? { controlApi: '/nowhere', gitHttp: '/nowhere' },
      bundlesDir: '/nowhere',
      trustedProxies: options.trustedProxies ?? [],
      protections: { 'memory-limit': 'on' },
      drainMs: 10_000,
    },
  );
  const functions = [servedFunction(options.served)];
  const deployment = servedDeployment({ bundle: 'none', appName: 'hello', functions });
  door.applySnapshot({
    generation: 1,
    deployments: [deployment],
    apps: [
      {
        name: 'hello',
        access: PUBLIC_ACCESS,
        production: deployment.id,
        slugs: {},
        commits: {},
        domains: options.domains ?? [],
      },
    ],
  });
  return { door, port: await listen(door.server) };
}
