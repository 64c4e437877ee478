/** The HTTP server on the public port, and what becomes of each request. */
import { randomUUID } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { PublicAddress, Sockets } from '../main/start-options.ts';
import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import type { Snapshot } from '../protocol/snapshot.ts';
import { invokeText } from '../protocol/worker.ts';
import { missingRouteText, sendAnswer } from './answers.ts';
import { createBodyRateWatch } from './body-rate.ts';
import {
  FunctionExchange,
  tooLargeAnswer,
  type ExchangeTarget,
  type ExchangeTools,
} from './function-exchange.ts';
import { functionForPath } from './function-path.ts';
import { readReadiness } from './health.ts';
import { createPeerReader, type Peer } from './peer.ts';
import type { DoorDeps } from './ports.ts';
import { createQuickReply } from './quick-reply.ts';
import { readRequestHead, type RequestHead } from './request-head.ts';
import { headerLines } from './response-head.ts';
import { createRouteTable, type Route, type RouteTable } from './route-table.ts';
import { forwardToUpstream } from './upstream.ts';

const HEADERS_TIMEOUT_MS = 10_000;
const CHECK_EVERY_MS = 2_000;
const KEEP_ALIVE_MS = 5_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 20_000;
/** Bodies up to this size go out in one string with their head: one write instead of two. */
const QUICK_BODY_BYTES = 16 * 1024;
const MAX_REQUESTS_PER_SOCKET = 1_000;
/** How often connections that became idle are closed while the door closes. */
const CLOSE_IDLE_EVERY_MS = 50;
/** Host headers whose route is remembered. */
const MAX_REMEMBERED_HOSTS = 4_096;
const GIT_PATH = /^\/[^/?]+\.git\//;

export interface DoorOptions {
  address: PublicAddress;
  sockets: Pick<Sockets, 'controlApi' | 'gitHttp'>;
  trustedProxies: string[];
  drainMs: number;
}

export interface Door {
  readonly server: http.Server;
  readonly generation: number;
  /** Requests that come from now on are routed by this snapshot, and no later one by the one before. */
  applySnapshot(snapshot: Snapshot): void;
  /** Stops accepting and resolves when all responses are out, or the time is up. */
  close(): Promise<void>;
}

/** What is known of one generation; replaced whole. */
interface Routing {
  table: RouteTable;
  routes: Map<string, Route>;
  targets: Map<ServedFunction, ExchangeTarget>;
}

export function createDoor(deps: DoorDeps, options: DoorOptions): Door {
  const peers = createPeerReader(options.trustedProxies);
  const bodyRate = createBodyRateWatch(deps.clock);
  const control = { socketPath: options.sockets.controlApi, name: 'The control plane' };
  const git = { socketPath: options.sockets.gitHttp, name: 'The git front' };
  const tools: ExchangeTools = {
    failures: deps.failures,
    quickReply: createQuickReply(deps.clock, {
      keepAliveMs: KEEP_ALIVE_MS,
      maxBodyBytes: QUICK_BODY_BYTES,
    }),
  };
  let routing = routingOf({ generation: 0, apps: [], deployments: [] });

  function routingOf(snapshot: Snapshot): Routing {
    const table = createRouteTable(snapshot, options.address);
    return { table, routes: new Map(), targets: new Map() };
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
    const route = findRoute(head);
    if (route.kind === 'deployment') toFunction(route.deployment, { request, response, head });
    else if (route.kind === 'control') toControl({ request, response, head });
    else sendAnswer(request, response, { status: 404, body: missingRouteText(route) });
  }

  function findRoute(head: RequestHead): Route {
    const known = routing.routes.get(head.hostHeader);
    if (known !== undefined) return known;
    const route = routing.table.find(head.host);
    if (route.kind === 'deployment') {
      if (routing.routes.size >= MAX_REMEMBERED_HOSTS) routing.routes.clear();
      routing.routes.set(head.hostHeader, route);
    }
    return route;
  }

  function toFunction(deployment: ServedDeployment, incoming: Incoming): void {
    const { request, response, head } = incoming;
    const target = request.url ?? '';
    const served = functionForPath(deployment, target);
    if (served === null) {
      sendAnswer(request, response, { status: 404, body: 'There is no function at this path.\n' });
      return;
    }
    const requestId = randomUUID();
    if (head.contentLength !== null && head.contentLength > served.maxBodyBytes) {
      const { maxBodyBytes } = served;
      sendAnswer(request, response, tooLargeAnswer({ requestId, maxBodyBytes }));
      return;
    }
    const exchangeTarget = targetOf(deployment, served);
    const peer = peerOf(request, head);
    const exchange = new FunctionExchange(
      {
        request,
        response,
        requestId,
        host: head.host,
        text: functionText(requestId, { request, head, peer }),
        hasBody: head.hasBody,
        maxBodyBytes: served.maxBodyBytes,
      },
      exchangeTarget,
      tools,
    );
    exchangeTarget.dispatcher.dispatch(exchange);
  }

  function targetOf(deployment: ServedDeployment, served: ServedFunction): ExchangeTarget {
    const known = routing.targets.get(served);
    if (known !== undefined) return known;
    const dispatcher = deps.functions.functionPool(deployment, served);
    const headers = deploymentHeaders(deployment);
    const target = { deployment, dispatcher, headers, headerLines: headerLines(headers) };
    routing.targets.set(served, target);
    return target;
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
    sendAnswer(request, response, {
      status: 200,
      body: `${JSON.stringify(readiness)}\n`,
      headers: { 'content-type': 'application/json' },
    });
  }

  function peerOf(request: IncomingMessage, head: RequestHead): Peer {
    return peers.read(request.socket.remoteAddress, {
      for: head.forwardedFor,
      proto: head.forwardedProto,
    });
  }

  const server = createServer();
  server.on('request', onRequest);

  return {
    server,
    get generation() {
      return routing.table.generation;
    },
    applySnapshot: (snapshot) => {
      routing = routingOf(snapshot);
    },
    close: async () => {
      await closeServer(server, options.drainMs);
      bodyRate.close();
    },
  };
}

interface Incoming {
  request: IncomingMessage;
  response: ServerResponse;
  head: RequestHead;
}

/** A server with the limits that do not depend on what is asked of it. */
function createServer(): http.Server {
  const server = http.createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0, // Bodies have a minimum rate instead: functions may run, and uploads last, long.
    connectionsCheckingInterval: CHECK_EVERY_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
    optimizeEmptyRequests: true, // No stream machinery for bodies that are not there.
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
  server.maxHeadersCount = 0; // Node would drop what is above it silently; they are counted instead.
  server.timeout = 0;
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => refuseRaw(socket, error.code));
  server.on('connect', (_request, socket) => endRaw(socket, '405 Method Not Allowed'));
  return server;
}

function refuseRaw(socket: Duplex, code: string | undefined): void {
  if (code === 'HPE_HEADER_OVERFLOW') endRaw(socket, '431 Request Header Fields Too Large');
  else if (code === 'ERR_HTTP_REQUEST_TIMEOUT') endRaw(socket, '408 Request Timeout');
  else endRaw(socket, '400 Bad Request');
}

/** For connections that have no response object. */
function endRaw(socket: Duplex, status: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () =>
    socket.destroy(),
  );
}

function deploymentHeaders(deployment: ServedDeployment): string[] {
  const headers = ['x-fn-deployment', deployment.id, 'x-fn-commit', deployment.commit];
  if (deployment.version !== null) headers.push('x-fn-version', `v${deployment.version}`);
  return headers;
}

/** INVOKE's text, with the headers that tell a function about its client. */
function functionText(
  requestId: string,
  { request, head, peer }: { request: IncomingMessage; head: RequestHead; peer: Peer },
): string {
  return invokeText(
    {
      requestId,
      method: request.method ?? '',
      target: request.url ?? '',
      scheme: peer.scheme,
      peer: peer.address,
    },
    `${head.headerLines}\nx-forwarded-for\n${peer.address}\nx-forwarded-proto\n${peer.scheme}` +
      `\nx-forwarded-host\n${head.hostHeader}\nx-request-id\n${requestId}`,
  );
}

function closeServer(server: http.Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const closeIdle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
    const giveUp = setTimeout(() => server.closeAllConnections(), drainMs);
    server.close(() => {
      clearInterval(closeIdle);
      clearTimeout(giveUp);
      resolve();
    });
    server.closeIdleConnections();
  });
}
