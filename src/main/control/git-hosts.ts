/** Repositories elsewhere, as control has them. */
import { lookup } from 'node:dns/promises';
import { createRegistryProxy } from '../../build/index.ts';
import {
  createConnections,
  createDeliveryWorker,
  createHooks,
  createHostClient,
  createPushTickets,
  createRefFetcher,
  type Connections,
  type Hooks,
  type PushTickets,
} from '../../git-hosts/index.ts';
import { controlUrl, productionUrl, refUrl } from '../../model/address.ts';
import type { KeyBox } from '../../secrets/index.ts';
import type { Clock } from '../../std/clock.ts';
import { findApp } from '../../store/apps.ts';
import type { Database } from '../../store/database.ts';
import { findSlug } from '../../store/refs.ts';
import type { SandboxClient } from '../process/sandbox-client.ts';
import type { ControlOptions } from '../process/start-options.ts';

interface Deps {
  db: Database;
  keyBox: KeyBox;
  clock: Clock;
  onError: (error: unknown) => void;
  sandboxes: Pick<SandboxClient, 'startBuilder'>;
}

export interface ControlGitHosts {
  connections: Connections;
  hooks: Hooks;
  tickets: PushTickets;
  /** Works on what was taken in, until the signal aborts. */
  start(signal: AbortSignal): void;
}

export function createControlGitHosts(
  { db, keyBox, clock, onError, sandboxes }: Deps,
  options: Pick<ControlOptions, 'address' | 'gitHosts' | 'isConfined' | 'builderMemoryMib'>,
): ControlGitHosts {
  const { address, isConfined, builderMemoryMib } = options;
  const { privateNames, roots, loopback, maxPackBytes } = options.gitHosts;
  const access = { privateNames, roots, lookup: addressesOf, isConfined };
  const git = {
    startBuilder: () => sandboxes.startBuilder(builderMemoryMib),
    openProxy: createRegistryProxy,
  };
  const connections = createConnections({ db, keyBox, access });
  const tickets = createPushTickets();
  const server = { controlUrl: controlUrl(address), loopback, maxPackBytes };
  const worker = createDeliveryWorker({
    db,
    connections,
    fetcher: createRefFetcher({ access, tickets, git }, server),
    client: createHostClient(access, clock),
    async urlOf(appId, ref) {
      const app = await findApp(db, appId);
      if (app === null) return null;
      if (app.productionRef === ref) return productionUrl(address, app.name);
      const slug = await findSlug(db, appId, ref);
      return slug === null ? null : refUrl(address, app.name, slug);
    },
    clock,
    onError,
  });
  const hooks = createHooks({ db, connections, clock, onTaken: () => worker.wake() });
  return { connections, hooks, tickets, start: (signal) => worker.start(signal) };
}

/** As the machine resolves names, hosts(5) included. */
async function addressesOf(name: string): Promise<string[]> {
  const found = await lookup(name, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}
