import type { FastifyRequest } from 'fastify';
import { PlatformError } from '../protocol/errors.ts';
import type { ApiInstance } from './server.ts';

type Done = (error: Error | null, body?: unknown) => void;

/** As fastify's own, but a body that is no UTF-8 is refused instead of mended: nobody meant U+FFFD. */
export function jsonParser(
  api: ApiInstance,
): (request: FastifyRequest, body: Buffer, done: Done) => void {
  const parse = api.getDefaultJsonParser('error', 'error');
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return (request, body, done) => {
    let text: string;
    try {
      text = decoder.decode(body);
    } catch (cause) {
      done(new PlatformError('bad-request', 'the body is not valid UTF-8', { cause }));
      return;
    }
    void parse(request, text, done);
  };
}
