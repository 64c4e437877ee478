/**
 * Calls between the platform's own processes, over HTTP on unix sockets (never TCP). Who may connect is decided by
 * the folder that the socket stands in.
 *
 *     → POST /<method>      first line: params as JSON, then an optional raw body stream
 *     ← 200, JSON lines:    {"progress":…}   any number
 *                           {"result":…}  or  {"error":{code,message,hint}}   exactly one, last
 *
 * A call whose connection ends before its last line has failed with `unavailable`; whether the callee did the work
 * is unknown, so methods are idempotent or say otherwise.
 */
import http from 'node:http';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable } from 'node:stream';
import { fromWireError, PlatformError, toWireError, type WireError } from './errors.ts';

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
    const away = (cause: unknown): PlatformError =>
      new PlatformError('unavailable', `${peerName} is not answering`, {
        hint: 'try again in a moment; `fn doctor` shows what is down',
        cause,
      });
    let response: http.IncomingMessage;
    try {
      [response] = (await once(request, 'response')) as [http.IncomingMessage];
    } catch (error) {
      throw away(error);
    }
    return readAnswer(response, options.onProgress, away);
  };
}

async function readAnswer(
  response: http.IncomingMessage,
  onProgress: ((value: never) => void) | undefined,
  away: (cause: unknown) => PlatformError,
): Promise<unknown> {
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      const message = JSON.parse(line) as { progress?: never; error?: WireError; result?: unknown };
      if ('error' in message && message.error) throw fromWireError(message.error);
      if ('result' in message) return message.result;
      if ('progress' in message) onProgress?.(message.progress);
    }
  } catch (error) {
    throw error instanceof PlatformError ? error : away(error);
  } finally {
    response.resume();
  }
  throw away(new Error(`HTTP ${response.statusCode}, ended without a result`));
}

/** Splits the request at its first newline: params, and the stream of all that follows. */
async function readParams(
  request: http.IncomingMessage,
): Promise<{ params: unknown; body: Readable }> {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      const end = chunk.indexOf(10);
      size += chunk.length;
      if (size > MAX_PARAMS_BYTES && end === -1) {
        finish();
        reject(new PlatformError('too-large', 'call parameters are too large'));
        return;
      }
      if (end === -1) {
        chunks.push(chunk);
        return;
      }
      finish();
      request.pause();
      chunks.push(chunk.subarray(0, end));
      if (end + 1 < chunk.length) request.unshift(chunk.subarray(end + 1));
      const body = request.pipe(new PassThrough());
      request.on('error', (error) => body.destroy(error));
      request.on('aborted', () => body.destroy(new Error('caller went away')));
      try {
        resolve({ params: JSON.parse(Buffer.concat(chunks).toString()), body });
      } catch (error) {
        reject(new PlatformError('bad-request', 'call parameters are not JSON', { cause: error }));
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
