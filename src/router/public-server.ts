/** The HTTP server of the public port, with the limits that do not depend on what is asked of it. */
import http from 'node:http';
import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../std/clock.ts';
import { createConnections, shareOfConnections, type Connections } from './connections.ts';
import { createFastPath, type FastPath, type FastPathOptions } from './fast-path/index.ts';
import { createH2Sessions, shareOfStreams, type H2Options } from './h2/index.ts';
import { secureConnectionOf } from './tls/secure-connection.ts';
import { createTlsListener, type TlsListener, type TlsListenerDeps } from './tls/tls-listener.ts';
import type { Question } from './turns.ts';

export const KEEP_ALIVE_MS = 5_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CHECK_EVERY_MS = 2_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_REQUESTS_PER_SOCKET = 1_000;
/** How often connections that became idle are closed while the server closes. */
const CLOSE_IDLE_EVERY_MS = 50;

export interface PublicServer {
  readonly server: http.Server;
  /** Null without HTTPS. */
  readonly tls: TlsListener | null;
  /** Stops accepting and resolves when all responses are out, or the time is up. */
  close(drainMs: number): Promise<void>;
}

export interface PublicServerOptions extends Pick<
  FastPathOptions,
  'accept' | 'clientTextOf' | 'replyHead'
> {
  isExempt(address: string): boolean;
  /** Who answers at a host. */
  ownerOf(host: string): string;
  closedUntaken(owner: string, connections: number): void;
  /** That share the port, this one among them: each has a share of what all may have. */
  processes: number;
  /** For what the fast path does not accept. */
  onRequest: http.RequestListener;
  /** For streams of HTTP/2. */
  onStream: H2Options['answer'];
  https: SecurePort | null;
}

/** Of the port of HTTPS, whose connections are served as those of the other one once they are encrypted. */
export interface SecurePort extends Pick<TlsListenerDeps, 'certificates' | 'heardOf'> {
  /** See TlsListener. */
  ticketKeys: Buffer;
}

export function createPublicServer(clock: Clock, options: PublicServerOptions): PublicServer {
  const server = http.createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0, // Bodies have a minimum rate instead: functions may run, and uploads last, long.
    connectionsCheckingInterval: CHECK_EVERY_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
    optimizeEmptyRequests: true, // No stream machinery for bodies that are not there.
    requireHostHeader: false, // The door asks for it, in its turn.
  });
  const limits = shareOfConnections(options.processes);
  server.maxConnections = limits.maxInAll;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
  server.maxHeadersCount = 0; // Node would drop what is above it silently; they are counted instead.
  server.timeout = 0;
  const fastPath = createFastPath(server, clock, {
    accept: options.accept,
    clientTextOf: options.clientTextOf,
    replyHead: options.replyHead,
    keepAliveMs: KEEP_ALIVE_MS,
    firstRequestMs: HEADERS_TIMEOUT_MS,
    maxRequests: MAX_REQUESTS_PER_SOCKET,
  });
  const h2 = createH2Sessions(clock, {
    ...options,
    limits: shareOfStreams(options.processes),
    answer: options.onStream,
  });
  const connections = createConnections(server, clock, {
    ...options,
    otherHolders: () => h2.holders(),
    ownerOf: (socket, response) =>
      options.ownerOf(response?.req.headers.host ?? fastPath.hostOf(socket) ?? ''),
    begin: (question) => begin(question, options.onRequest),
    isAdmitted: (socket) => secureConnectionOf(socket) !== null,
    limits,
  });
  const came: http.RequestListener = (request, response) => {
    connections.came({ request, response, expectsContinue: false });
  };
  server.on('request', came);
  server.on('checkExpectation', came);
  server.on('checkContinue', (request, response) => {
    connections.came({ request, response, expectsContinue: true });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    endBroken(connections, socket, refusalOf(error.code));
  });
  server.on('connect', (request) => {
    endBroken(connections, request.socket, '405 Method Not Allowed');
  });
  const { https } = options;
  const tls =
    https === null
      ? null
      : createTlsListener(
          {
            ...https,
            admit: (socket) => connections.admit(socket),
            accept: (socket) => void server.emit('connection', socket),
            acceptH2: (socket) => h2.accept(socket),
          },
          https.ticketKeys,
        );
  if (tls !== null) tls.server.maxConnections = limits.maxInAll;
  return {
    server,
    tls,
    close: async (drainMs) => {
      const giveUp = setTimeout(() => h2.destroy(), drainMs);
      await Promise.all([closeServer({ server, tls, connections, fastPath }, drainMs), h2.drain()]);
      clearTimeout(giveUp);
      connections.close();
      fastPath.destroy();
      h2.destroy();
    },
  };
}

function begin(
  { request, response, expectsContinue }: Question,
  answer: http.RequestListener,
): void {
  answer(request, response);
  // What is refused by its head alone is refused before its body is sent.
  if (expectsContinue && !response.headersSent && !response.destroyed) response.writeContinue();
}

/** What cannot be read as HTTP, or only as a wish for a tunnel, ends its connection. */
function endBroken(connections: Connections, socket: Duplex, status: string): void {
  const next = socket.writable ? connections.turnsOf(socket)?.broken() : 'destroy';
  if (next === 'refuse') endRaw(socket, status);
  else if (next !== 'answer') socket.destroy();
}

function refusalOf(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return '413 Content Too Large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout';
  return '400 Bad Request';
}

/** For connections that have no response object. */
function endRaw(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () =>
    socket.destroy(),
  );
}

interface ServerParts {
  server: http.Server;
  tls: TlsListener | null;
  connections: Connections;
  fastPath: FastPath;
}

async function closeServer(parts: ServerParts, drainMs: number): Promise<void> {
  const { server, tls, connections, fastPath } = parts;
  const closeIdle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
  const giveUp = setTimeout(() => {
    server.closeAllConnections();
    fastPath.destroy();
    tls?.destroy();
  }, drainMs);
  connections.drain();
  fastPath.drain();
  await Promise.all([closed(server), tls === null ? null : closed(tls.server)]);
  clearInterval(closeIdle);
  clearTimeout(giveUp);
}

/** When it accepts no more, and all that it had accepted are closed. One that never listened is closed already. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
