/** The HTTP server on the public port, and what becomes of each request. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { PublicAddress, Sockets } from '../main/process/start-options.ts';
import type { ProtectionStatuses } from '../protocol/protections.ts';
import type { Snapshot } from '../protocol/snapshot.ts';
import { type Answer, missingRouteText, redirectAnswer, sendAnswer } from './answers.ts';
import { createBodyRateWatch } from './body-rate.ts';
import { type Client, HttpClient } from './client.ts';
import { createControlRequests } from './control-requests.ts';
import type { PlainClient, PlainHeaders } from './fast-path/index.ts';
import type { ExchangeTools } from './functions/function-exchange.ts';
import {
  createFunctionRequests,
  invokedClientText,
  type Site,
  type SiteRequest,
} from './functions/function-requests.ts';
import type { Probed } from './health.ts';
import type { StreamAsked, StreamClient } from './h2/index.ts';
import { createPeerReader, type Peer } from './peer.ts';
import type { DoorDeps } from './ports.ts';
import { admit, createVisits, type Lock } from './private/index.ts';
import { createPublicServer, KEEP_ALIVE_MS } from './public-server.ts';
import { createQuickReply } from './quick-reply.ts';
import { createReplyHead } from './reply-head.ts';
import { readRequestHead, type RefusedRequest, type RequestHead } from './request-head.ts';
import {
  createLocalRouteTable,
  createRouteTable,
  type OpenRoute,
  type RouteTable,
  unlocked,
} from './route-table.ts';
import { createSites, type Sites } from './sites.ts';
import { createStaticRequests } from './static/static-requests.ts';
import { createHttpsRules } from './tls/https-rules.ts';
import { createPreWarm } from './tls/pre-warm.ts';
import type { TlsListener } from './tls/tls-listener.ts';

/** Bodies up to this size go out in one string with their head: one write instead of two. */
const QUICK_BODY_BYTES = 16 * 1024;
/** Host headers whose route is remembered. */
const MAX_REMEMBERED_HOSTS = 4_096;

export interface DoorOptions {
  /** That of HTTPS where there is one. */
  address: PublicAddress;
  sockets: Pick<Sockets, 'controlApi' | 'gitHttp'>;
  bundlesDir: string;
  trustedProxies: string[];
  drainMs: number;
  protections: ProtectionStatuses;
  /** The data processes beside this one; none when it is absent. */
  others?: readonly Probed[];
  /** Serves the one deployment of its snapshots at every name of this machine, and no control host. */
  isLocal?: boolean;
}

export interface Door {
  readonly server: Server;
  /** Null without HTTPS. */
  readonly tls: TlsListener | null;
  readonly generation: number;
  /** Requests that come from now on are routed by this snapshot, and no later one by the one before. */
  applySnapshot(snapshot: Snapshot): void;
  /** Stops accepting and resolves when all responses are out, or the time is up. */
  close(): Promise<void>;
}

/** What is known of one generation; replaced whole. */
interface Routing {
  table: RouteTable;
  sites: Sites;
  /** By Host header, for those that were asked for. */
  foundByHost: Map<string, Found>;
}

type SiteRoute = { kind: 'site'; site: Site } | Exclude<OpenRoute, { kind: 'deployment' }>;

interface Found {
  to: SiteRoute;
  /** Null where anybody may come. */
  lock: Lock | null;
}

export function createDoor(deps: DoorDeps, options: DoorOptions): Door {
  const peers = createPeerReader(options.trustedProxies);
  const bodyRate = createBodyRateWatch(deps.clock);
  const visits = createVisits(deps.clock);
  const tools: ExchangeTools = { invocations: deps.invocations, clock: deps.clock };
  const toFunction = createFunctionRequests(deps.functions, tools);
  const { failures } = deps;
  const replyHead = createReplyHead(deps.clock, KEEP_ALIVE_MS);
  const quickReply = createQuickReply(replyHead, {
    keepAliveMs: KEEP_ALIVE_MS,
    maxBodyBytes: QUICK_BODY_BYTES,
  });
  const toStatic = createStaticRequests({ failures, quickReply, toFunction }, options.bundlesDir);
  const https =
    deps.https === undefined
      ? null
      : createHttpsRules({ certificates: deps.https.certificates, peerOf }, options.address);
  const toControl = createControlRequests(
    {
      peerOf,
      secureHeaders: (socket, head) => https?.controlHeaders(socket, head) ?? {},
      generation: () => routing.table.generation,
    },
    { others: [], ...options },
  );
  let routing = routingOf({ generation: 0, apps: [], deployments: [] });

  function routingOf(snapshot: Snapshot): Routing {
    const table = options.isLocal
      ? createLocalRouteTable(snapshot)
      : createRouteTable(snapshot, options.address);
    return { table, sites: createSites(), foundByHost: new Map() };
  }

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const head = readRequestHead({
      method: request.method ?? '',
      target: request.url ?? '',
      httpVersion: request.httpVersion,
      rawHeaders: request.rawHeaders,
    });
    const client = new HttpClient(request, response, quickReply);
    answer(client, head, (accepted) => clientTextOf(request.socket, accepted));
  }

  function onStream(client: StreamClient, { head, clientText }: StreamAsked): void {
    answer(client, head, () => clientText);
  }

  function answer(
    client: Client,
    head: RequestHead | RefusedRequest,
    textOf: (head: RequestHead) => string,
  ): void {
    if (head.kind === 'refused') return sendRefusal(client, head);
    if (head.hasBody) bodyRate.watch(client.request);
    const { to: route, lock } = routeOf(head);
    // Node's objects of a client are not for requests to functions, which need none.
    const send = (whole: Answer): void => sendAnswer(client.request, client.response, whole);
    const kind = lock === null ? route.kind : 'site';
    const first =
      https?.answerTo(client, head, kind) ?? (lock && refusalOf(lock, client, head, route));
    if (first !== null) return send(first);
    if (lock !== null) {
      const { response } = client;
      visits.begin({ response, secrets: head.shareSecrets, lock: () => routeOf(head).lock });
    }
    if (route.kind === 'site') {
      return toSite(route.site, { client, head, clientText: textOf(head) });
    }
    if (route.kind === 'control') return toControl(client, head);
    if (route.kind === 'redirect')
      return send(redirectAnswer(route.to, client.target, lock !== null));
    send({ status: 404, body: missingRouteText(route) });
  }

  /** The fast path knows functions only that anybody may ask. */
  function onPlainRequest(
    client: PlainClient,
    { head }: PlainHeaders,
    clientText: string,
  ): boolean {
    const { to: route, lock } = routeOf(head);
    if (lock !== null || route.kind !== 'site') return false;
    if (route.site.deployment.hasPublicFiles === true) return false;
    if (https !== null && https.answerTo(client, head, route.kind) !== null) return false;
    toSite(route.site, { client, head, clientText });
    return true;
  }

  function routeOf({ host, hostHeader }: RequestHead): Found {
    const known = routing.foundByHost.get(hostHeader);
    if (known !== undefined) return known;
    const listed = routing.table.find(host);
    const { behind } = unlocked(listed);
    const isEarly = behind.kind === 'redirect' && !isReachable(behind.host);
    const { behind: to, lock } = unlocked(isEarly ? behind.meanwhile : listed);
    if (to.kind !== 'deployment') return { to, lock };
    const found = { to: { kind: 'site', site: routing.sites.siteOf(to, lock) }, lock } as const;
    if (isEarly) return found;
    if (routing.foundByHost.size >= MAX_REMEMBERED_HOSTS) routing.foundByHost.clear();
    routing.foundByHost.set(hostHeader, found);
    return found;
  }

  /** Where there is HTTPS, hosts are led to by that, and a handshake without a certificate fails. */
  function isReachable(host: string): boolean {
    return deps.https === undefined || deps.https.certificates.table.find(host) !== null;
  }

  /** What a private host answers who may not see it, or comes by a link; null for who may. */
  function refusalOf(lock: Lock, client: Client, head: RequestHead, to: SiteRoute): Answer | null {
    const { scheme } = peerOf(client.socket, head);
    const isRedirect = to.kind === 'redirect';
    return admit(lock, { client, head, scheme }, { nowMs: deps.clock.now(), isRedirect });
  }

  function toSite(site: Site, incoming: SiteRequest): void {
    const { method, target } = incoming.client;
    if (site.deployment.hasPublicFiles === true) toStatic(site, incoming);
    else toFunction(site, incoming, site.functions.find(method, target));
  }

  function clientTextOf(socket: Socket, head: RequestHead): string {
    return invokedClientText(head, peerOf(socket, head));
  }

  function peerOf(socket: Socket, head: RequestHead): Peer {
    const forwarded = { for: head.forwardedFor, proto: head.forwardedProto };
    const { encrypted = false } = socket as Partial<TLSSocket>;
    const scheme = encrypted ? 'https' : 'http';
    return peers.read(socket.remoteAddress, forwarded, scheme);
  }

  function siteAt(hostHeader: string): Site | null {
    const to = routing.foundByHost.get(hostHeader)?.to;
    return to?.kind === 'site' ? to.site : null;
  }

  const preWarm = createPreWarm({
    deploymentOf: (host) => {
      const route = routing.table.find(host);
      return route.kind === 'deployment' ? route.deployment : null;
    },
    warm: (deployment, name) => deps.functions.warm?.(deployment, name) ?? false,
    clock: deps.clock,
  });
  const publicServer = createPublicServer(deps.clock, {
    isExempt: (address) => peers.standsForMany(address),
    ownerOf: (host) => siteAt(host)?.deployment.appName ?? host,
    closedUntaken: (owner, connections) => {
      const deployment = routing.sites.deploymentOf(owner);
      if (deployment !== null) failures.untaken(deployment, connections);
    },
    processes: 1 + (options.others?.length ?? 0),
    accept: onPlainRequest,
    clientTextOf,
    replyHead,
    onRequest,
    onStream,
    https: deps.https === undefined ? null : { ...deps.https, heardOf: preWarm },
  });

  return {
    server: publicServer.server,
    tls: publicServer.tls,
    get generation() {
      return routing.table.generation;
    },
    applySnapshot: (snapshot) => {
      routing = routingOf(snapshot);
      visits.look();
    },
    close: async () => {
      await publicServer.close(options.drainMs);
      bodyRate.close();
    },
  };
}

function sendRefusal({ request, response }: Client, { status, message }: RefusedRequest): void {
  const headers = { connection: 'close', ...(status === 426 && { upgrade: 'websocket' }) };
  sendAnswer(request, response, { status, body: `${message}\n`, headers });
}
