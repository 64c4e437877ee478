/** A request of git's smart HTTP protocol as a channel. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Channel } from './channel.ts';
import { consume } from './consume.ts';
import { Refusal } from './refusal.ts';
import { meterBody, tooLarge, type BodyOptions } from './request-body.ts';
import { afterRequest, prepareAnswer } from './respond.ts';

export function createHttpChannel(request: IncomingMessage, response: ServerResponse): Channel {
  let body: Readable | null = null;
  // What was refused is not read to its end.
  response.on('close', () => void body?.destroy());
  return {
    userAgent: request.headers['user-agent'] ?? null,
    answer: response,
    get hasBegun() {
      return response.headersSent;
    },
    openBody(options) {
      body = openRequestBody(request, options);
      return body;
    },
    begin: ({ service, kind }) => prepareAnswer(response, `application/x-git-${service}-${kind}`),
    async finish(rest) {
      if (body !== null) await consume(body);
      afterRequest(request, () => response.end(rest));
    },
    refuse(words) {
      response.write(words);
      afterRequest(request, () => response.end());
    },
  };
}

/**
 * The request itself is never destroyed by what is wrong with it: it still gets an answer.
 * @throws Refusal at once when the headers alone say that it can't be taken
 */
export function openRequestBody(request: IncomingMessage, options: BodyOptions): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  const isGzip = encoding === 'gzip' || encoding === 'x-gzip';
  if (!isGzip && encoding !== 'identity') {
    throw new Refusal(415, 'request bodies are taken as they are, or compressed with gzip');
  }
  if (Number(request.headers['content-length'] ?? 0) > options.maxBytes) throw tooLarge(options);
  const { body, breakOff } = meterBody(request, options, isGzip ? createGunzip() : null);
  request.on('close', () => {
    if (!request.complete) breakOff();
  });
  return body;
}
