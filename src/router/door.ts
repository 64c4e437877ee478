/** The HTTP server on the public port, and what becomes of each request. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { PublicAddress, Sockets } from '../main/start-options.ts';
import type { ServedDeployment } from '../model/served.ts';
import type { ProtectionStatuses } from '../protocol/protections.ts';
import type { Snapshot } from '../protocol/snapshot.ts';
import { missingRouteText, sendAnswer } from './answers.ts';
import { createBodyRateWatch } from './body-rate.ts';
import type { ExchangeTools } from './function-exchange.ts';
import {
  createFunctionRequests,
  createSite,
  type Site,
  type SiteRequest,
} from './function-requests.ts';
import { readReadiness } from './health.ts';
import { createPeerReader, type Peer } from './peer.ts';
import type { DoorDeps } from './ports.ts';
import { createPublicServer, KEEP_ALIVE_MS } from './public-server.ts';
import { createQuickReply } from './quick-reply.ts';
import { readRequestHead, type RequestHead } from './request-head.ts';
import { createLocalRouteTable, createRouteTable, type RouteTable } from './route-table.ts';
import { createStaticRequests } from './static-requests.ts';
import { forwardToUpstream } from './upstream.ts';

/** Bodies up to this size go out in one string with their head: one write instead of two. */
const QUICK_BODY_BYTES = 16 * 1024;
/** Host headers whose route is remembered. */
const MAX_REMEMBERED_HOSTS = 4_096;
const GIT_PATH = /^\/[^/?]+\.git\//;

export interface DoorOptions {
  address: PublicAddress;
  sockets: Pick<Sockets, 'controlApi' | 'gitHttp'>;
  bundlesDir: string;
  trustedProxies: string[];
  drainMs: number;
  protections: ProtectionStatuses;
  /** Serves the one deployment of its snapshots at every name of this machine, and no control host. */
  isLocal?: boolean;
}

export interface Door {
  readonly server: Server;
  readonly generation: number;
  /** Requests that come from now on are routed by this snapshot, and no later one by the one before. */
  applySnapshot(snapshot: Snapshot): void;
  /** Stops accepting and resolves when all responses are out, or the time is up. */
  close(): Promise<void>;
}

/** What is known of one generation; replaced whole. */
interface Routing {
  table: RouteTable;
  sites: Map<ServedDeployment, Site>;
  /** By Host header, for those that were asked for. */
  sitesByHost: Map<string, Site>;
}

export function createDoor(deps: DoorDeps, options: DoorOptions): Door {
  const peers = createPeerReader(options.trustedProxies);
  const bodyRate = createBodyRateWatch(deps.clock);
  const control = { socketPath: options.sockets.controlApi, name: 'The control plane' };
  const git = { socketPath: options.sockets.gitHttp, name: 'The git front' };
  const tools: ExchangeTools = {
    invocations: deps.invocations,
    clock: deps.clock,
    quickReply: createQuickReply(deps.clock, {
      keepAliveMs: KEEP_ALIVE_MS,
      maxBodyBytes: QUICK_BODY_BYTES,
    }),
  };
  const toFunction = createFunctionRequests(deps.functions, tools);
  const { failures } = deps;
  const toStatic = createStaticRequests({ ...tools, failures, toFunction }, options.bundlesDir);
  let routing = routingOf({ generation: 0, apps: [], deployments: [] });

  function routingOf(snapshot: Snapshot): Routing {
    const table = options.isLocal
      ? createLocalRouteTable(snapshot)
      : createRouteTable(snapshot, options.address);
    return { table, sites: new Map(), sitesByHost: new Map() };
  }

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const head = readRequestHead({
      method: request.method ?? '',
      target: request.url ?? '',
      httpVersion: request.httpVersion,
      rawHeaders: request.rawHeaders,
    });
    if (head.kind === 'refused') {
      sendAnswer(request, response, {
        status: head.status,
        body: `${head.message}\n`,
        headers: { connection: 'close', ...(head.status === 426 && { upgrade: 'websocket' }) },
      });
      return;
    }
    if (head.hasBody) bodyRate.watch(request);
    const known = routing.sitesByHost.get(head.hostHeader);
    if (known === undefined) toNewHost({ request, response, head });
    else toSite(known, { request, response, head, peer: peerOf(request, head) });
  }

  /** For a host that nobody asked for in this generation, or that no deployment has. */
  function toNewHost(incoming: Incoming): void {
    const { request, response, head } = incoming;
    const route = routing.table.find(head.host);
    if (route.kind === 'deployment') {
      const site = siteOf(route.deployment);
      if (routing.sitesByHost.size >= MAX_REMEMBERED_HOSTS) routing.sitesByHost.clear();
      routing.sitesByHost.set(head.hostHeader, site);
      toSite(site, { ...incoming, peer: peerOf(request, head) });
    } else if (route.kind === 'control') {
      toControl(incoming);
    } else {
      sendAnswer(request, response, { status: 404, body: missingRouteText(route) });
    }
  }

  function toSite(site: Site, incoming: SiteRequest): void {
    const { method, url } = incoming.request;
    if (site.deployment.hasPublicFiles === true) toStatic(site, incoming);
    else toFunction(site, incoming, site.functions.find(method ?? '', url ?? ''));
  }

  function siteOf(deployment: ServedDeployment): Site {
    const site = routing.sites.get(deployment) ?? createSite(deployment);
    routing.sites.set(deployment, site);
    return site;
  }

  function toControl({ request, response, head }: Incoming): void {
    const target = request.url ?? '';
    if (target === '/healthz') {
      sendAnswer(request, response, { status: 200, body: 'ok\n' });
    } else if (target === '/readyz') {
      void sendReadiness(request, response);
    } else {
      const peer = peerOf(request, head);
      forwardToUpstream({ request, response, peer }, GIT_PATH.test(target) ? git : control);
    }
  }

  async function sendReadiness(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const readiness = await readReadiness(routing.table.generation, {
      control: { ...control, name: 'control' },
      git: { ...git, name: 'git' },
    });
    const { protections } = options;
    sendAnswer(request, response, {
      status: 200,
      body: `${JSON.stringify({ ...readiness, protections })}\n`,
      headers: { 'content-type': 'application/json' },
    });
  }

  function peerOf(request: IncomingMessage, head: RequestHead): Peer {
    return peers.read(request.socket.remoteAddress, {
      for: head.forwardedFor,
      proto: head.forwardedProto,
    });
  }

  const publicServer = createPublicServer(deps.clock, {
    isExempt: (address) => peers.standsForMany(address),
    onRequest,
  });

  return {
    server: publicServer.server,
    get generation() {
      return routing.table.generation;
    },
    applySnapshot: (snapshot) => {
      routing = routingOf(snapshot);
    },
    close: async () => {
      await publicServer.close(options.drainMs);
      bodyRate.close();
    },
  };
}

interface Incoming {
  request: IncomingMessage;
  response: ServerResponse;
  head: RequestHead;
}
