import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { PlatformError } from '../protocol/errors.ts';
import type { ApiInstance } from './server.ts';
import { problemOfJson } from './strict-json.ts';

type Done = (error: Error | null, body?: unknown) => void;

/**
 * As fastify's own, which refuses `__proto__`; but a body that is no UTF-8 is refused instead of mended, since nobody
 * meant U+FFFD, and so is one that parsers do not agree on.
 */
export function jsonParser(
  api: ApiInstance,
): (request: FastifyRequest, body: Buffer, done: Done) => void {
  const parse = api.getDefaultJsonParser('error', 'error');
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return (request, body, done) => {
    request.bodyHash = createHash('sha256').update(body).digest();
    if (saysOtherwise(request.headers['content-type'] ?? '')) return done(notUtf8());
    let text: string;
    try {
      text = decoder.decode(body);
    } catch (cause) {
      done(new PlatformError('bad-request', 'the body is not valid UTF-8', { cause }));
      return;
    }
    const problem = problemOfJson(text);
    if (problem === null) void parse(request, text, done);
    else done(new PlatformError('bad-request', problem));
  };
}

/** JSON is UTF-8 (RFC 8259, 8.1); the type has no such parameter, but many send it. */
function saysOtherwise(type: string): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(type)?.[1]?.toLowerCase();
  return charset !== undefined && !['utf-8', 'utf8', 'us-ascii'].includes(charset);
}

function notUtf8(): PlatformError {
  return new PlatformError(
    'unsupported-media-type',
    'the body is in a character set that is not taken here',
    {
      hint: 'send JSON as UTF-8, with the header: content-type: application/json',
    },
  );
}

/**
 * A body of no type is none if it is empty, as clients send it that have nothing to say; whether they tell so by a length
 * or by a last chunk is no matter. What is not empty has to say that it is JSON.
 */
export function refuseUntyped(_request: FastifyRequest, body: Buffer, done: Done): void {
  done(body.length === 0 ? null : notJson());
}

export function notJson(): PlatformError {
  return new PlatformError(
    'unsupported-media-type',
    'the body is of a type that is not taken here',
    {
      hint: 'send JSON, with the header: content-type: application/json',
    },
  );
}
