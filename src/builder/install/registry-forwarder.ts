/**
 * The proxy that programs in the build sandbox are told to use: HTTP CONNECT for https registries, and requests with a
 * whole URL for http ones. It listens on the sandbox's own loopback, decides nothing, and hands each connection to
 * control.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { NetTarget } from '../../protocol/builder.ts';
import type { BuilderServices } from './builder-services.ts';

export interface RegistryForwarder {
  /** `http://127.0.0.1:<port>`. */
  url: string;
  /** Why connections were refused, in the order of the first time; the first few. */
  refusals: readonly string[];
  /** Aborts when refusals go on and no connection ever came about: package managers ask on for many minutes. */
  unreached: AbortSignal;
  close(): void;
}

/**
 * An import of it loads everything that it exports by name, the client behind `fetch` too: 7 MB in each builder that
 * waits for its build, and a twentieth of a second.
 */
const http = process.getBuiltinModule('node:http');

/** Of one hop only (RFC 9110, section 7.6.1), or meant for this proxy. */
const HOP_HEADERS = ['connection', 'proxy-connection', 'keep-alive', 'proxy-authorization', 'te'];
const HTTPS_PORT = 443;
const HTTP_PORT = 80;
const MAX_REFUSALS = 5;
/** A name server that was out of order for a moment, or a registry that starts, is back by then. */
const PATIENCE_MS = 6_000;

export async function startForwarder({
  connect,
}: Pick<BuilderServices, 'connect'>): Promise<RegistryForwarder> {
  const refusals: string[] = [];
  const unreached = new AbortController();
  let firstRefusalMs: number | null = null;
  let isReached = false;
  const noteRefusal = (reason: string): void => {
    if (!refusals.includes(reason) && refusals.length < MAX_REFUSALS) refusals.push(reason);
    firstRefusalMs ??= performance.now();
    const isLong = performance.now() - firstRefusalMs > PATIENCE_MS;
    if (isLong && !isReached) unreached.abort();
  };
  const services = {
    connect: async (target: NetTarget) => {
      try {
        const relay = await connect(target);
        isReached = true;
        return relay;
      } catch (error) {
        noteRefusal((error as Error).message);
        throw error;
      }
    },
  };
  const server = http.createServer((request, response) => {
    void forwardRequest(services, request, response);
  });
  server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void openTunnel(services, request.url ?? '', { socket, head });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.unref();
  return {
    url: `http://127.0.0.1:${port}`,
    refusals,
    unreached: unreached.signal,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function openTunnel(
  services: Pick<BuilderServices, 'connect'>,
  authority: string,
  { socket, head }: { socket: Duplex; head: Buffer },
): Promise<void> {
  socket.on('error', () => {});
  const target = URL.parse(`http://${authority}`);
  if (target === null || target.hostname === '') {
    return answer(socket, '400 Bad Request', 'not a host and a port');
  }
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  // The URL drops the port that is usual for its scheme.
  const port = Number(/:(\d+)$/.exec(authority)?.[1] ?? HTTPS_PORT);
  try {
    const relay = await services.connect({ host, port });
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) relay.write(head);
    relay.on('close', () => socket.destroy());
    socket.on('close', () => relay.destroy());
    socket.pipe(relay);
    relay.pipe(socket);
  } catch (error) {
    answer(socket, '403 Forbidden', (error as Error).message);
  }
}

/** Closed at once: a client that waits for more would wait for its own deadline. */
function answer(socket: Duplex, status: string, text: string): void {
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(text)}`;
  socket.end(`${head}\r\n\r\n${text}`, () => socket.destroy());
}

async function forwardRequest(
  services: Pick<BuilderServices, 'connect'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.on('error', () => {});
  response.on('error', () => {});
  const target = URL.parse(request.url ?? '');
  if (target === null || target.protocol !== 'http:') {
    response.writeHead(400).end();
    return;
  }
  try {
    const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
    const relay = await services.connect({ host, port: Number(target.port || HTTP_PORT) });
    const headers: OutgoingHttpHeaders = { ...request.headers, host: target.host };
    for (const name of HOP_HEADERS) delete headers[name];
    const upstream = http.request({
      createConnection: () => relay,
      method: request.method ?? 'GET',
      path: target.pathname + target.search,
      headers,
    });
    upstream.on('response', (incoming) => {
      response.writeHead(incoming.statusCode ?? 502, incoming.headers);
      incoming.pipe(response);
      incoming.on('error', () => response.destroy());
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => relay.destroy());
    request.pipe(upstream);
  } catch (error) {
    response.writeHead(403).end((error as Error).message);
  }
}
