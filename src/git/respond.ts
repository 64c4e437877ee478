import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import type { Refusal } from './refusal.ts';

/** A client that was refused may go on sending for so long; what it sends is thrown away. */
const DISCARD_MS = 5_000;

/** The caching headers of git's own HTTP backend: refs are never to be stored. */
const NO_CACHE = {
  expires: 'Fri, 01 Jan 1980 00:00:00 GMT',
  pragma: 'no-cache',
  'cache-control': 'no-cache, max-age=0, must-revalidate',
};

/** Answers with a text that the git client shows to its user. */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) {
    // Half an answer can't be taken back: a broken connection is what git understands.
    response.destroy();
    return;
  }
  const text = Buffer.from(`${refusal.message}\n`);
  response.writeHead(refusal.status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': text.length,
    ...NO_CACHE,
    ...refusal.headers,
  });
  response.write(text);
  afterRequest(request, () => response.end());
}

/** Starts a 200 in one of git's own content types; the head leaves with the first byte of the body. */
export function prepareAnswer(response: ServerResponse, contentType: string): void {
  response.statusCode = 200;
  for (const [name, value] of Object.entries(NO_CACHE)) response.setHeader(name, value);
  response.setHeader('content-type', contentType);
}

export interface RelayOptions {
  /** A client that takes nothing for so long has gone. */
  stallMs: number;
  /** Who gives nothing for so long ends it, too: not where `output` may take its time. */
  isPrompt: boolean;
}

/**
 * Sends `output` to the client. Resolves when all of it has left, or with the client gone; rejects when the output
 * failed. Ending the response is the caller's.
 */
export function relay(
  output: Readable,
  response: Writable,
  { stallMs, isPrompt }: RelayOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const stall = (): NodeJS.Timeout => setTimeout(() => response.destroy(), stallMs);
    let stalled = isPrompt ? stall() : undefined;
    const onData = (chunk: Buffer): void => {
      stalled?.refresh();
      if (response.write(chunk)) return;
      output.pause();
      stalled ??= stall();
    };
    const onDrain = (): void => {
      if (!isPrompt) {
        clearTimeout(stalled);
        stalled = undefined;
      }
      output.resume();
    };
    const settle = (finish: () => void): void => {
      clearTimeout(stalled);
      // Whoever reads the rest must not be paused by a response that takes nothing any more.
      output.off('data', onData);
      response.off('drain', onDrain);
      finish();
    };
    response.on('drain', onDrain).on('close', () => settle(resolve));
    output.on('end', () => settle(resolve)).on('close', () => settle(resolve));
    output.on('error', (error) => settle(() => reject(error)));
    if (output.errored !== null) settle(() => reject(output.errored));
    else if (output.destroyed || response.destroyed) settle(resolve);
    else output.on('data', onData);
  });
}

/**
 * Reads on while the client still sends, before the response is ended: ending it may close the connection, and a
 * connection that is closed with bytes unread takes the answer away from a client that has not read it yet.
 */
export function afterRequest(request: IncomingMessage, onDone: () => void): void {
  if (request.complete || request.destroyed) return onDone();
  const timer = setTimeout(() => request.destroy(), DISCARD_MS);
  const done = (): void => {
    clearTimeout(timer);
    onDone();
  };
  request.on('end', done).on('close', done);
  request.unpipe();
  request.resume();
}
