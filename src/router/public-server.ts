/** The HTTP server of the public port, with the limits that do not depend on what is asked of it. */
import http from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../std/clock.ts';
import { createConnections, type Connections } from './connections.ts';
import { createFastPath, type FastPath, type FastPathOptions } from './fast-path/index.ts';

export const KEEP_ALIVE_MS = 5_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CHECK_EVERY_MS = 2_000;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 20_000;
const MAX_REQUESTS_PER_SOCKET = 1_000;
/** How often connections that became idle are closed while the server closes. */
const CLOSE_IDLE_EVERY_MS = 50;

export interface PublicServer {
  readonly server: http.Server;
  /** Stops accepting and resolves when all responses are out, or the time is up. */
  close(drainMs: number): Promise<void>;
}

export interface PublicServerOptions extends Pick<FastPathOptions, 'accept' | 'replyHead'> {
  isExempt(address: string): boolean;
  /** Who answers at a host. */
  ownerOf(host: string): string;
  closedUntaken(owner: string, connections: number): void;
  /** For what the fast path does not accept. */
  onRequest: http.RequestListener;
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
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET;
  server.maxHeadersCount = 0; // Node would drop what is above it silently; they are counted instead.
  server.timeout = 0;
  const fastPath = createFastPath(server, clock, {
    accept: options.accept,
    replyHead: options.replyHead,
    keepAliveMs: KEEP_ALIVE_MS,
    firstRequestMs: HEADERS_TIMEOUT_MS,
    maxRequests: MAX_REQUESTS_PER_SOCKET,
  });
  const connections = createConnections(server, clock, {
    ...options,
    ownerOf: (socket, response) =>
      options.ownerOf(response?.req.headers.host ?? fastPath.hostOf(socket) ?? ''),
  });
  server.on('request', (request, response) => {
    connections.began(request.socket, response);
    options.onRequest(request, response);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // Whoever waits for an answer would take this for it, or for a piece of it.
    if (connections.isAnswering(socket)) socket.destroy();
    else refuseRaw(socket, error.code);
  });
  server.on('connect', (_request, socket) => {
    if (connections.isAnswering(socket)) socket.destroy();
    else endRaw(socket, '405 Method Not Allowed');
  });
  return {
    server,
    close: async (drainMs) => {
      await closeServer({ server, connections, fastPath }, drainMs);
      connections.close();
      fastPath.destroy();
    },
  };
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

function closeServer(
  parts: { server: http.Server; connections: Connections; fastPath: FastPath },
  drainMs: number,
): Promise<void> {
  const { server, connections, fastPath } = parts;
  return new Promise((resolve) => {
    const closeIdle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
    const giveUp = setTimeout(() => {
      server.closeAllConnections();
      fastPath.destroy();
    }, drainMs);
    connections.drain();
    fastPath.drain();
    server.close(() => {
      clearInterval(closeIdle);
      clearTimeout(giveUp);
      resolve();
    });
  });
}
