/**
 * Calls between the platform's own processes, over HTTP on unix sockets (never TCP). Who may connect is decided by
 * the folder that the socket stands in.
 *
 *     → POST /<method>      first line: params as JSON, then an optional raw body stream
 *     ← 200, JSON lines:    {"progress":…}   any number
 *                           {"result":…}  or  {"error":{code,message,hint}}   exactly one, last
 *
 * A call whose connection ends before its last line has failed with `unavailable`; whether the callee did the work
 * is unknown, so methods are idempotent or say otherwise. Neither side trusts the other with its memory: a line has
 * at most MAX_PARAMS_BYTES or MAX_ANSWER_LINE_BYTES.
 */
import http from 'node:http';
import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { fromWireError, PlatformError, toWireError, type WireError } from './errors.ts';
import { LineSplitter, LineTooLongError } from './line-splitter.ts';

/** One method's types. Everything must survive JSON. */
export interface Method {
  params: unknown;
  result: unknown;
  progress?: unknown;
}

/** What a handler gets besides its params. */
export interface IncomingCall<Progress> {
  /** Sends one progress value to the caller, in order. */
  progress: (value: Progress) => void;
  /** The raw stream that follows the params; empty for most methods. */
  body: Readable;
  /** Aborted when the caller has gone away. */
  signal: AbortSignal;
}

type Methods<T> = { [K in keyof T]: Method };
type ProgressOf<M extends Method> = M extends { progress: infer P } ? P : never;

export type RpcHandlers<T extends Methods<T>> = {
  [K in keyof T]: (
    params: T[K]['params'],
    call: IncomingCall<ProgressOf<T[K]>>,
  ) => Promise<T[K]['result']>;
};

export type RpcClient<T extends Methods<T>> = <K extends keyof T & string>(
  method: K,
  params: T[K]['params'],
  options?: CallOptions<ProgressOf<T[K]>>,
) => Promise<T[K]['result']>;

interface CallOptions<Progress> {
  onProgress?: (value: Progress) => void;
  body?: Readable;
  signal?: AbortSignal;
}

const MAX_PARAMS_BYTES = 4 * 1024 * 1024;
/** The longest answers list all refs of a repository. */
const MAX_ANSWER_LINE_BYTES = 16 * 1024 * 1024;

/** An HTTP server that answers the methods; the caller of this function makes it listen. */
export function createRpcServer<T extends Methods<T>>(
  handlers: RpcHandlers<T>,
  onBug: (method: string, error: unknown) => void,
): http.Server {
  // No timeouts: a call may last as long as a build, and both ends are our own.
  const server = http.createServer({ requestTimeout: 0, headersTimeout: 0 });
  server.timeout = 0;
  server.on('request', (request, response) => {
    const method = (request.url ?? '').slice(1);
    const handler = Object.hasOwn(handlers, method) ? handlers[method as keyof T] : undefined;
    if (request.method !== 'POST' || handler === undefined) {
      response.writeHead(404).end();
      return;
    }
    const write = (line: unknown): void => {
      response.write(`${JSON.stringify(line)}\n`);
    };
    const aborted = new AbortController();
    response.on('close', () => {
      if (!response.writableFinished) aborted.abort();
    });
    response.writeHead(200, { 'content-type': 'application/jsonl' });
    readParams(request)
      .then(({ params, body }) =>
        handler(params as T[keyof T]['params'], {
          progress: (value) => write({ progress: value }),
          body,
          signal: aborted.signal,
        }),
      )
      .then(
        (result) => write({ result: result ?? null }),
        (error: unknown) => {
          if (!(error instanceof PlatformError)) onBug(method, error);
          write({ error: toWireError(error) });
        },
      )
      .finally(() => response.end());
  });
  return server;
}

/** A caller of the methods served at `socketPath`. Connections are kept alive. */
export function createRpcClient<T extends Methods<T>>(
  socketPath: string,
  peerName: string,
): RpcClient<T> {
  const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 8 });
  return async (method, params, options = {}) => {
    const request = http.request({
      agent,
      socketPath,
      method: 'POST',
      path: `/${method}`,
      ...(options.signal && { signal: options.signal }),
    });
    request.on('error', () => {}); // Reported by once() below, or as an early end of the lines.
    const head = `${JSON.stringify(params ?? null)}\n`;
    if (options.body === undefined) {
      request.end(head);
    } else {
      request.write(head);
      options.body.on('error', (error) => request.destroy(error));
      options.body.pipe(request);
    }
    let response: http.IncomingMessage;
    try {
      [response] = (await once(request, 'response')) as [http.IncomingMessage];
    } catch (error) {
      throw away(peerName, error);
    }
    return readAnswer(response, options.onProgress, peerName);
  };
}

function away(peerName: string, cause: unknown): PlatformError {
  return new PlatformError('unavailable', `${peerName} is not answering`, {
    hint: 'try again in a moment; `fn doctor` shows what is down',
    cause,
  });
}

function readAnswer(
  response: http.IncomingMessage,
  onProgress: ((value: never) => void) | undefined,
  peerName: string,
): Promise<unknown> {
  const splitter = new LineSplitter(MAX_ANSWER_LINE_BYTES);
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    const takeLine = (line: string): void => {
      // Nothing follows the last line; who goes on sending is not listened to.
      if (isAnswered) throw new Error('a line after the last one');
      const message = JSON.parse(line) as { progress?: never; error?: WireError; result?: unknown };
      isAnswered = 'error' in message || 'result' in message;
      if (message.error) reject(fromWireError(message.error));
      else if ('result' in message) resolve(message.result);
      else if ('progress' in message) onProgress?.(message.progress);
    };
    response.on('data', (chunk: Buffer) => {
      try {
        let found = splitter.take(chunk);
        for (; found !== null; found = splitter.take(found.rest)) takeLine(found.line);
      } catch (error) {
        reject(brokenAnswer(peerName, error));
        response.destroy();
      }
    });
    const onEnd = (): void =>
      reject(away(peerName, new Error(`HTTP ${response.statusCode}, ended without a result`)));
    response.on('end', onEnd).on('close', onEnd);
    response.on('error', (error) => reject(away(peerName, error)));
  });
}

function brokenAnswer(peerName: string, cause: unknown): PlatformError {
  if (!(cause instanceof LineTooLongError)) return away(peerName, cause);
  return new PlatformError('internal', `${peerName} answered more than a call may`, { cause });
}

/** Splits the request at its first newline: params, and the stream of all that follows. */
async function readParams(
  request: http.IncomingMessage,
): Promise<{ params: unknown; body: Readable }> {
  const splitter = new LineSplitter(MAX_PARAMS_BYTES);
  return new Promise((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      const found = splitter.take(chunk);
      if (found === null) return;
      finish();
      const params: unknown = JSON.parse(found.line);
      resolve({ params, body: bodyOf(request, found.rest) });
    };
    const onData = (chunk: Buffer): void => {
      try {
        take(chunk);
      } catch (error) {
        finish();
        reject(badParams(error));
      }
    };
    const onEnd = (): void => reject(new PlatformError('bad-request', 'call without parameters'));
    const finish = (): void => {
      request.off('data', onData);
      request.off('end', onEnd);
    };
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('error', reject);
  });
}

function badParams(cause: unknown): PlatformError {
  return cause instanceof LineTooLongError
    ? new PlatformError('too-large', 'call parameters are too large', { cause })
    : new PlatformError('bad-request', 'call parameters are not JSON', { cause });
}

/** What is left of a request, beginning with bytes that were read already. */
function bodyOf(request: http.IncomingMessage, read: Buffer): Readable {
  request.pause();
  if (read.length > 0) request.unshift(read);
  const body = request.pipe(new PassThrough());
  request.on('error', (error) => body.destroy(error));
  request.on('aborted', () => body.destroy(new Error('caller went away')));
  return body;
}
