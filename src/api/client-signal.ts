import type { FastifyReply } from 'fastify';

/** Aborted when the client has gone before it had its answer. */
export function clientSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.on('close', () => {
    if (!raw.writableFinished) gone.abort(new Error('the client has gone'));
  });
  return gone.signal;
}
