import { randomUUID } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import tls from 'node:tls';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type Problem, SERVER_VERSION_HEADER } from '../../protocol/control-api.ts';
import { type Operations, OPERATIONS } from '../../protocol/control-client.generated.ts';
import { ERROR_TABLE, type ErrorCode, PlatformError } from '../../protocol/errors.ts';
import { LineSplitter } from '../../protocol/line-splitter.ts';
import {
  bodyOf,
  type CallOptions,
  type InputOf,
  isOnce,
  type OperationId,
  pathOf,
} from './operation-call.ts';
import { sendAgain } from './send-again.ts';
import { isLocalName, isLoopback } from './server-url.ts';

/** One call of the control API. */
interface ControlCall {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its parts encoded, and the query. */
  path: string;
  body?: unknown;
  /** A minute otherwise. */
  timeoutMs?: number;
  idempotencyKey?: string;
}

export interface ControlClient {
  server: string;
  /** The answer of an operation of the API's description. @throws PlatformError */
  call<Id extends OperationId>(id: Id, ...input: InputOf<Id>): Promise<Operations[Id]['answer']>;
  /** The same for whoever has the operation as a parameter. */
  callOperation<Id extends OperationId>(
    id: Id,
    input: Operations[Id]['input'],
    options?: CallOptions,
  ): Promise<Operations[Id]['answer']>;
  /** The answer's JSON lines as they come, for as long as it takes. @throws PlatformError */
  stream<Line>(path: string): AsyncGenerator<Line>;
  /** An answer that comes bit by bit, until the signal is aborted. @throws PlatformError */
  open(path: string, signal: AbortSignal): Promise<Readable>;
}

const TIMEOUT_MS = 60_000;
/** The server sends a sign of life more often. */
const STREAM_SILENCE_MS = 60_000;
const MAX_STREAM_LINE_BYTES = 1024 * 1024;

/** Where a control API is, and who vouches for that. */
interface Peer {
  /** A normal server URL. */
  server: string;
  /** Beside the public authorities, in PEM. */
  authority: string | null;
  /** Ends whatever is under way. */
  signal?: AbortSignal;
  /** Is told which version of gitfn has answered. */
  onVersion?: (version: string) => void;
}

/** A client of the control API of a server; without a token, of what takes none. */
export function createControlClient(peer: Peer, token: string | null): ControlClient {
  const { server } = peer;
  const authorization = token === null ? null : `Bearer ${token}`;

  async function callOnce({
    body,
    timeoutMs = TIMEOUT_MS,
    ...call
  }: ControlCall): Promise<unknown> {
    const payload = body === undefined ? null : JSON.stringify(body);
    const response = await send(peer, { ...call, payload, authorization, timeoutMs });
    const answer = await text(response).catch((cause: unknown) => {
      throw unreachable(server, cause);
    });
    const status = response.statusCode ?? 0;
    if (status < 200 || status >= 300) throw toError(answer, status, server);
    return answer === '' ? undefined : parseAnswer(answer, server);
  }

  async function callOperation<Id extends OperationId>(
    id: Id,
    input: Operations[Id]['input'],
    options: CallOptions = {},
  ): Promise<Operations[Id]['answer']> {
    const { method } = OPERATIONS[id];
    const call = { method, path: pathOf(id, input), body: bodyOf(input), ...options };
    if (!isOnce(id)) return callOnce(call) as Promise<Operations[Id]['answer']>;
    const idempotencyKey = randomUUID();
    const answer = await sendAgain(() => callOnce({ ...call, idempotencyKey }));
    return answer as Operations[Id]['answer'];
  }

  return {
    server,
    callOperation,
    call: (id: OperationId, input = {}, options?: CallOptions) => callOperation(id, input, options),
    async *stream<Line>(path: string) {
      const request = { method: 'GET', path, payload: null, authorization, timeoutMs: null };
      const response = await send(peer, request);
      const status = response.statusCode ?? 0;
      if (status !== 200) throw toError(await text(response), status, server);
      for await (const line of readLines(response, server)) {
        yield parseAnswer(line, server) as Line;
      }
    },
    async open(path, signal) {
      const response = await send(peer, {
        method: 'GET',
        path,
        payload: null,
        authorization,
        timeoutMs: null,
        signal,
      });
      if (response.statusCode === 200) return response;
      throw toError(await text(response), response.statusCode ?? 0, server);
    },
  };
}

async function* readLines(response: http.IncomingMessage, server: string): AsyncGenerator<string> {
  const lines = new LineSplitter(MAX_STREAM_LINE_BYTES);
  response.setTimeout(STREAM_SILENCE_MS, () => response.destroy(new Error('silence')));
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      let taken = lines.take(chunk);
      for (; taken !== null; taken = lines.take(taken.rest)) yield taken.line;
    }
  } catch (cause) {
    throw unreachable(server, cause);
  }
}

interface Request {
  method: string;
  path: string;
  payload: string | null;
  idempotencyKey?: string;
  /** Null for what takes no token. */
  authorization: string | null;
  /** Null for a stream, which lasts as long as it takes. */
  timeoutMs: number | null;
  /** Ends it. */
  signal?: AbortSignal;
}

function send(peer: Peer, request: Request) {
  const { server } = peer;
  const { method, path, payload, authorization, timeoutMs, idempotencyKey } = request;
  const signal = AbortSignal.any([
    ...(peer.signal ? [peer.signal] : []),
    ...(request.signal ? [request.signal] : []),
    ...(timeoutMs === null ? [] : [AbortSignal.timeout(timeoutMs)]),
  ]);
  const url = new URL(server);
  const { request: start } = url.protocol === 'https:' ? https : http;
  return new Promise<http.IncomingMessage>((resolve, reject) => {
    const sending = start({
      host: isLocalName(url.hostname) ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      ...(url.protocol === 'https:' && secureOptions(url, peer.authority)),
      method,
      path,
      signal,
      headers: {
        host: url.host,
        ...(authorization !== null && { authorization }),
        accept: 'application/json',
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        ...(payload !== null && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(payload),
        }),
      },
    });
    sending.on('response', (response) => {
      const version = response.headers[SERVER_VERSION_HEADER];
      if (typeof version === 'string') peer.onVersion?.(version);
      resolve(response);
    });
    sending.on('error', (cause) => reject(unreachable(server, cause)));
    sending.end(payload ?? undefined);
  });
}

/** Of a server that has only an address, nothing is said about its name (RFC 6066 section 3). */
function secureOptions({ hostname }: URL, authority: string | null): https.RequestOptions {
  return {
    ...(isIP(hostname.replace(/^\[|\]$/g, '')) === 0 && { servername: hostname }),
    ...(authority !== null && { ca: [...publicAuthorities(), authority] }),
  };
}

/** Older Nodes do not tell whom they were told to believe beside those that they came with. */
function publicAuthorities(): readonly string[] {
  const { getCACertificates }: Partial<typeof tls> = tls;
  return getCACertificates?.('default') ?? tls.rootCertificates;
}

function unreachable(server: string, cause: unknown): PlatformError {
  const { code, message, name } = cause as NodeJS.ErrnoException;
  if (name === 'TimeoutError') return tooSlow(server);
  if (code !== undefined && UNTRUSTED.has(code)) return untrusted(server, code);
  const isLocal = isLoopback(new URL(server).hostname);
  return new PlatformError('unavailable', `${server} does not answer (${code ?? message})`, {
    hint: isLocal ? 'is it running? Start it with: fn server' : 'check the URL and the network',
    cause,
  });
}

function tooSlow(server: string): PlatformError {
  return new PlatformError('timed-out', `${server} has not answered in time`, {
    hint: 'what it has begun goes on; see what came of it: fn releases',
  });
}

/** What OpenSSL says of a certificate that none of the authorities vouches for. */
const UNTRUSTED = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_ISSUER_CERT',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_SIGNATURE_FAILURE',
]);

function untrusted(server: string, code: string): PlatformError {
  return new PlatformError(
    'unavailable',
    `${server} has a certificate of an authority that is not trusted here (${code})`,
    {
      hint: `if it is one of your own, name its certificate: fn login ${server} --ca-file FILE   (of fn server --local-https: local-ca.crt in its data folder)`,
    },
  );
}

function parseAnswer(answer: string, server: string): unknown {
  try {
    return JSON.parse(answer);
  } catch (cause) {
    throw notOurs(server, cause);
  }
}

function notOurs(server: string, cause?: unknown): PlatformError {
  return new PlatformError('unavailable', `${server} does not answer as a gitfn server does`, {
    hint: 'check the URL: it is that of the control host, without a path',
    cause,
  });
}

function toError(answer: string, status: number, server: string): PlatformError {
  let problem: Partial<Problem>;
  try {
    problem = JSON.parse(answer) as Partial<Problem>;
  } catch (cause) {
    return notOurs(server, cause);
  }
  const detail = problem.detail ?? problem.title ?? `the server answered ${status}`;
  const code = codeOf(problem.code, status);
  const hint = code === 'unauthenticated' ? loginHint(server) : problem.hint;
  return new PlatformError(code, detail, hint === undefined ? {} : { hint });
}

/** The server cannot know by which URL it was asked. */
function loginHint(server: string): string {
  return `run: fn login ${server}   (an admin makes tokens with: fn tokens create NAME)`;
}

/** A newer server may have codes that this CLI does not know: the status says roughly what they mean. */
function codeOf(code: string | undefined, status: number): ErrorCode {
  if (code !== undefined && Object.hasOwn(ERROR_TABLE, code)) return code as ErrorCode;
  const known = Object.entries(ERROR_TABLE).find(([, traits]) => traits.status === status);
  return known === undefined ? 'internal' : (known[0] as ErrorCode);
}
