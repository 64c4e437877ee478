/**
 * What plain `(req, res)` functions expect beside Node's own: `req.query`, `req.cookies`, `req.body`,
 * `res.status(…).json(…)` as on Vercel, and on Google's platform what Express has for them. They sit in the prototypes,
 * below which a framework that is called by such a function puts its own.
 */
import type { IncomingMessage } from 'node:http';
import { MAX_EVENT_BODY_BYTES, refuseBody, type Handle, type HandlerHost } from './handlers.ts';
import type { Invocation } from '../invocation.ts';
import { callListener, openExchange, type NodeClasses, type NodeListener } from './node-handler.ts';
import { nodeHttp } from './node-http.ts';
import type { ParameterReader } from './path-parameters.ts';
import { BadRequestBody, requestHelpers, type HelperSource } from './request-helpers.ts';
import { responseHelpers } from './response-helpers.ts';

export type HelperStyle = 'vercel' | 'google';

export function helpedHandle(
  listener: NodeListener,
  { event }: HandlerHost,
  style: HelperStyle,
): Handle {
  const sources = new WeakMap<IncomingMessage, HelperSource>();
  const classes = helpedClasses(sources, style);
  return async (invocation) => {
    const bytes = isReadFirst(invocation, style) ? await readFirst(invocation) : null;
    if (bytes === 'refused') return;
    const exchange = openExchange(invocation, classes, bytes);
    const parameters = parametersOf(event.parameters, invocation.head.target);
    sources.set(exchange.request, { parameters, bytes, style });
    try {
      await callListener(invocation, listener, exchange);
    } catch (error) {
      if (!(error instanceof BadRequestBody)) throw error;
      await refuseUnparsed(invocation, error);
    }
  };
}

function parametersOf(read: ParameterReader | null, target: string): HelperSource['parameters'] {
  return read === null ? null : read(target);
}

function helpedClasses(
  sources: WeakMap<IncomingMessage, HelperSource>,
  style: HelperStyle,
): NodeClasses {
  const http = nodeHttp();
  class Request extends http.IncomingMessage {}
  class Response extends http.ServerResponse {}
  const isGoogle = style === 'google';
  Object.defineProperties(Request.prototype, requestHelpers(sources, isGoogle));
  Object.defineProperties(Response.prototype, responseHelpers(isGoogle));
  return { Request, Response };
}

const PARSED_TYPE = /^application\/(?:[\w.+-]+\+)?json\b|^application\/x-www-form-urlencoded\b/i;
const WHOLE_TYPE = /^text\/|^application\/octet-stream\b/i;

/**
 * `req.body` is there at once, so what it can be is read before the call. Bodies that a function would rather stream
 * are not: those of no known length, unless they are to be parsed, and all that are larger than may be.
 */
function isReadFirst({ head, body }: Invocation, style: HelperStyle): boolean {
  if (body === null) return false;
  const type = headerOf(head.headers, 'content-type');
  const length = headerOf(head.headers, 'content-length');
  if (style === 'google' || PARSED_TYPE.test(type)) return true;
  return WHOLE_TYPE.test(type) && length !== '' && Number(length) <= MAX_EVENT_BODY_BYTES;
}

async function readFirst(invocation: Invocation): Promise<Buffer | null | 'refused'> {
  if (invocation.body === null) return null;
  const bytes = await invocation.body.readAll(MAX_EVENT_BODY_BYTES);
  if (bytes !== null) return bytes;
  await refuseBody(invocation);
  return 'refused';
}

async function refuseUnparsed(invocation: Invocation, error: BadRequestBody): Promise<void> {
  const { requestId } = invocation.head;
  const body = JSON.stringify({ error: error.message, requestId });
  await invocation.reply(400, [['content-type', 'application/json']], body);
}

function headerOf(headers: readonly string[], name: string): string {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at] === name) return headers[at + 1] ?? '';
  }
  return '';
}
