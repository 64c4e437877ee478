/**
 * Versions of what can be changed (RFC 9110 section 13). Who reads it gets an `ETag`; who changes it may send that as
 * `If-Match`, and is refused when somebody else was faster.
 */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { PlatformError } from '../protocol/errors.ts';
import type { ApiInstance } from './server.ts';

const TAG_CHARACTERS = 27;

/** Beside the answer of each operation that reads what is tagged. */
export const NOT_MODIFIED = {
  304: Type.Null({ description: 'It is the version that If-None-Match names' }),
};

/** Marks the answer as this version of the view: a strong tag, since the whole of it is in there. */
export function tagged<View>(reply: FastifyReply, view: View): View {
  reply.header('etag', etagOf(view));
  return view;
}

/**
 * To be asked of the view of now, in the same turn as the change.
 * @throws PlatformError precondition-failed
 */
export async function requireMatch(
  { headers }: Pick<FastifyRequest, 'headers'>,
  readView: () => Promise<unknown>,
): Promise<void> {
  const wanted = headers['if-match'];
  if (wanted === undefined || isMatch(wanted, etagOf(await readView()))) return;
  throw new PlatformError('precondition-failed', 'it has changed since you read it', {
    hint: 'nothing was changed; read it again, and send its new ETag as If-Match',
  });
}

/** Answers 304 where the client has the version that it asks for. */
export function answerNotModified(api: ApiInstance): void {
  api.addHook('onSend', async ({ method, headers }, reply, payload) => {
    const etag = reply.getHeader('etag');
    const known = headers['if-none-match'];
    if (method !== 'GET' || typeof etag !== 'string' || known === undefined) return payload;
    if (reply.statusCode !== 200 || !isMatch(known.replaceAll('W/', ''), etag)) return payload;
    reply.code(304).removeHeader('content-type').removeHeader('content-length');
    return '';
  });
}

function etagOf(view: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(view)).digest('base64url');
  return `"${hash.slice(0, TAG_CHARACTERS)}"`;
}

function isMatch(header: string, etag: string): boolean {
  return header.trim() === '*' || header.split(',').some((tag) => tag.trim() === etag);
}
