/** Streams a request to one of the platform's own processes, unbuffered both ways. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { PEER_ADDRESS_HEADER, PEER_SCHEME_HEADER } from '../protocol/peer.ts';
import { type Answer, endAfterRequest, sendAnswer } from './answers.ts';
import { flushHead } from './flush-head.ts';
import type { Peer } from './peer.ts';
import { isForPlatform, nominatedBy } from './request-head.ts';

const CONNECTION_HEADERS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** RFC 9110 section 9.2.1: they change nothing, so that they may be sent twice. */
const READS = new Set(['GET', 'HEAD']);
/** Idle connections to each of the processes. */
const MAX_KEPT = 16;
/** It fits into what a socket takes at once. */
const MAX_SHORT_BYTES = 64 * 1024;
/** Below are interim answers, which Node keeps to itself; beyond either end is no status at all. */
const MIN_FINAL_STATUS = 200;
const MAX_STATUS = 599;
const NO_CONTENT = 204;

export interface Upstream {
  socketPath: string;
  /** What the client is told when nobody answers there. */
  away: () => Answer;
}

interface Forwarded {
  request: IncomingMessage;
  response: ServerResponse;
  peer: Peer;
}

/** Connections for requests that may be sent again, should the other end have closed theirs meanwhile. */
const kept = new http.Agent({ keepAlive: true, maxFreeSockets: MAX_KEPT });

export function forwardToUpstream(forwarded: Forwarded, upstream: Upstream): void {
  const { request } = forwarded;
  if (READS.has(request.method ?? '') && !hasBody(request)) forwardRead(forwarded, upstream);
  // A connection each: on a unix socket that costs less than the races of reuse.
  else request.pipe(forward(forwarded, upstream, false));
}

/** On a kept connection; once more on one of its own where that turns out to be closed. */
function forwardRead(forwarded: Forwarded, upstream: Upstream): void {
  const again = (): void => void forward(forwarded, upstream, false).end();
  forward(forwarded, upstream, kept, again).end();
}

/** @param again in place of giving up on a connection that was closed before the request came */
function forward(
  { request, response, peer }: Forwarded,
  upstream: Upstream,
  agent: http.Agent | false,
  again?: () => void,
): http.ClientRequest {
  const outgoing = http.request({
    socketPath: upstream.socketPath,
    method: request.method,
    path: request.url,
    headers: forwardedHeaders(request, peer),
    agent,
  });
  const giveUp = (): void => {
    outgoing.destroy();
    if (response.headersSent) response.destroy();
    else sendAnswer(request, response, upstream.away());
  };
  const onError = (): void => {
    const isStale = outgoing.reusedSocket && !response.headersSent && !response.destroyed;
    if (isStale && again !== undefined) again();
    else giveUp();
  };
  outgoing.on('response', (incoming) => {
    // The process may have been taken over: what it says must not end this one.
    const { statusCode = 0 } = incoming;
    if (statusCode < MIN_FINAL_STATUS || statusCode > MAX_STATUS) return giveUp();
    const head = [statusCode, endToEnd(statusCode, incoming.rawHeaders)] as const;
    const end = (): void => {
      // It may have answered before it had all, as it does when that is too much.
      request.unpipe(outgoing);
      outgoing.off('error', onError).on('error', () => {});
      // Not one that is kept: that is free again already.
      outgoing.destroy();
      endAfterRequest(request, response);
    };
    if (isShort(incoming)) {
      incoming.on('error', giveUp);
      gather(incoming, (body) => {
        if (response.headersSent) return; // What came behind it was no HTTP, and the client is told so.
        response.writeHead(...head);
        if (body.length > 0) response.write(body);
        end();
      });
      return undefined;
    }
    response.writeHead(...head);
    flushHead(response);
    incoming.on('error', () => response.destroy());
    incoming.pipe(response, { end: false });
    incoming.on('end', end);
    return undefined;
  });
  outgoing.on('upgrade', (_incoming, socket) => {
    socket.destroy();
    giveUp(); // Nobody asked for another protocol.
  });
  outgoing.on('error', onError);
  response.on('close', () => outgoing.destroy());
  return outgoing;
}

/** Also one that has come as a whole. */
function hasBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = headers;
  return coding !== undefined || (length !== undefined && length !== '0');
}

/** It leaves in one piece with its head, or not at all. */
function gather(incoming: IncomingMessage, onWhole: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => onWhole(Buffer.concat(chunks)));
}

/** What is announced to be short comes at once. */
function isShort({ headers }: IncomingMessage): boolean {
  const { 'content-length': length } = headers;
  return length !== undefined && Number(length) <= MAX_SHORT_BYTES;
}

/** Whose question it is that this process asks for them. */
export function askerHeaders({ headers }: IncomingMessage, peer: Peer): Record<string, string> {
  const { authorization } = headers;
  return {
    [PEER_ADDRESS_HEADER]: peer.address,
    [PEER_SCHEME_HEADER]: peer.scheme,
    ...(authorization !== undefined && { authorization }),
  };
}

/** What a function would see of the client's headers, and the two that the platform's own processes believe. */
function forwardedHeaders(
  { rawHeaders: raw, headers: known }: IncomingMessage,
  peer: Peer,
): string[] {
  const headers: string[] = [];
  const nominated = nominatedBy(known.connection ?? '');
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase();
    if (isForPlatform(name) || nominated.has(name)) continue;
    headers.push(name, raw[at + 1] ?? '');
  }
  headers.push(PEER_ADDRESS_HEADER, peer.address, PEER_SCHEME_HEADER, peer.scheme);
  // It is this end that closes. A peer that closed once it had answered could be faster than Node's empty last write
  // of the request, whose EPIPE would take the place of the answer.
  headers.push('connection', 'keep-alive');
  if (known['transfer-encoding'] !== undefined) headers.push('transfer-encoding', 'chunked');
  return headers;
}

function endToEnd(status: number, raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const lower = name.toLowerCase();
    // RFC 9110 section 8.6: nothing without content has a length.
    const isMisplaced = status === NO_CONTENT && lower === 'content-length';
    if (!CONNECTION_HEADERS.has(lower) && !isMisplaced) headers.push(name, raw[at + 1] ?? '');
  }
  return headers;
}
