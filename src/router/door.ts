/** The HTTP server on the public port, and what becomes of each request. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { PublicAddress, Sockets } from '../main/start-options.ts';
import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import type { Snapshot } from '../protocol/snapshot.ts';
import { invokeText } from '../protocol/worker.ts';
import { missingRouteText, sendAnswer } from './answers.ts';
import { createBodyRateWatch } from './body-rate.ts';
import { noFunctionAnswer, tooLargeAnswer, type ErrorContext } from './failure-answer.ts';
import { FunctionExchange, type ExchangeTarget, type ExchangeTools } from './function-exchange.ts';
import { functionForPath } from './function-path.ts';
import { readReadiness } from './health.ts';
import { createPeerReader, type Peer } from './peer.ts';
import type { DoorDeps } from './ports.ts';
import { createPublicServer, KEEP_ALIVE_MS } from './public-server.ts';
import { createQuickReply } from './quick-reply.ts';
import { readRequestHead, type RequestHead } from './request-head.ts';
import { headerLines } from './response-head.ts';
import { createRouteTable, type Route, type RouteTable } from './route-table.ts';
import { forwardToUpstream } from './upstream.ts';

/** Bodies up to this size go out in one string with their head: one write instead of two. */
const QUICK_BODY_BYTES = 16 * 1024;
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
    const requestId = randomUUID();
    if (served === null) {
      sendAnswer(request, response, noFunctionAnswer(errorContext(deployment, requestId)));
      return;
    }
    const { maxBodyBytes } = served;
    if (head.contentLength !== null && head.contentLength > maxBodyBytes) {
      const context = errorContext(deployment, requestId);
      sendAnswer(request, response, tooLargeAnswer(maxBodyBytes, context));
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
        maxBodyBytes,
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

function deploymentHeaders(deployment: ServedDeployment): string[] {
  const headers = ['x-fn-deployment', deployment.id, 'x-fn-commit', deployment.commit];
  if (deployment.version !== null) headers.push('x-fn-version', `v${deployment.version}`);
  return headers;
}

function errorContext(deployment: ServedDeployment, requestId: string): ErrorContext {
  return { requestId, headers: [...deploymentHeaders(deployment), 'x-request-id', requestId] };
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
