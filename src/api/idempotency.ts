/**
 * Requests that make something once, however often they are sent (draft-ietf-httpapi-idempotency-key-header): with the
 * same `Idempotency-Key` and body comes the first answer again.
 *
 *     key is new ──────────────▶ carried out ──▶ 2xx: the answer is kept for a day
 *                                            ├─▶ refused: the key is free again, since nothing was made
 *                                            └─▶ its process ends, or it fails half-way: what came of it is unknown
 *     known, another request ──▶ 422
 *     known, being carried out ▶ 409, and to be sent again
 *     known, with an answer ───▶ that answer, with `idempotency-replayed: true`
 *     known, outcome unknown ──▶ 409 for a day: it is carried out at most once, and the client is told where to look
 */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, PlatformError, toWireError } from '../protocol/errors.ts';
import { assert } from '../std/assert.ts';
import { newId } from '../std/ids.ts';
import type { Database } from '../store/database.ts';
import {
  abandonIdempotencyKey,
  type Attempt,
  forgetIdempotencyKeys,
  keepAnswer,
  type KnownRequest,
  releaseIdempotencyKey,
  renewIdempotencyKey,
  takeIdempotencyKey,
} from '../store/idempotency-keys.ts';
import { openAnswer, sealAnswer } from './kept-answer.ts';
import type { ApiInstance } from './server.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The same request with the same `Idempotency-Key` is carried out once. */
    idempotent?: true;
  }
  interface FastifyRequest {
    /** sha256 of the body's bytes; null without one. */
    bodyHash: Buffer | null;
    /** Ends the attempt that this request is. */
    attempt: RunningAttempt | null;
  }
}

interface RunningAttempt extends Attempt {
  renewal: NodeJS.Timeout;
  /** It failed, and may have made something before. */
  isInDoubt: boolean;
}

/** How an operation fails that may have been carried out, or still is. */
const IN_DOUBT: ReadonlySet<ErrorCode> = new Set(['internal', 'database-down', 'timed-out']);
/** How long after its process has ended an attempt is known to have no answer. */
const LEASE_MS = 30_000;
const RENEWAL_MS = 10_000;
/** Of each token. */
const MAX_KEYS = 10_000;
const MAX_KEPT_CHARACTERS = 1024 * 1024;
/** What is to be read again on a retry; all else is of the connection or of the moment. */
const KEPT_HEADERS = ['content-type', 'etag', 'location'] as const;
const RETRY_AFTER_S = 1;
/** As the draft has it, or without its quotes, as most clients send it. */
const KEY = /^(?:"([\w.:~+/=-]{1,200})"|([\w.:~+/=-]{1,200}))$/;

interface Deps {
  db: Database;
  onBug: (error: unknown, requestId: string) => void;
}

/** Has routes with `config.idempotent` carry out each request once. */
export function carryOutOnce(api: ApiInstance, { db, onBug }: Deps): void {
  api.decorateRequest('bodyHash', null);
  api.decorateRequest('attempt', null);

  api.addHook('preHandler', async (request, reply) => {
    const key = keyOf(request);
    if (key === null) return undefined;
    const attempt = { tokenId: request.actor.tokenId, key, attempt: newId('req') };
    const known = await take(db, attempt, fingerprintOf(request));
    if (known === 'taken') {
      request.attempt = { ...attempt, renewal: renewing(db, attempt), isInDoubt: false };
      return undefined;
    }
    return replay(request, reply, known);
  });

  api.addHook('onError', async ({ attempt }, _reply, error) => {
    if (attempt !== null) attempt.isInDoubt = IN_DOUBT.has(toWireError(error).code);
  });

  api.addHook('onSend', async (request, reply, payload) => {
    const { attempt } = request;
    if (attempt === null) return payload;
    request.attempt = null;
    clearInterval(attempt.renewal);
    try {
      await settle(db, attempt, { request, reply, payload });
    } catch (error) {
      // What was asked for is done; the answer says so this once.
      onBug(error, request.id);
    }
    return payload;
  });
}

/** @throws PlatformError bad-request */
function keyOf({ routeOptions, headers }: FastifyRequest): string | null {
  const header = headers['idempotency-key'];
  if (routeOptions.config.idempotent !== true || header === undefined) return null;
  const [, quoted, bare] = KEY.exec(String(header)) ?? [];
  const key = quoted ?? bare;
  if (key !== undefined) return key;
  throw new PlatformError('bad-request', 'the idempotency key is none', {
    hint: 'send up to 200 letters, digits and ._:~+/=- of your own choice, for example a UUID, and the same for a retry',
  });
}

function fingerprintOf({ method, url, bodyHash }: FastifyRequest): Buffer {
  return createHash('sha256')
    .update(`${method} ${url}\n`)
    .update(bodyHash ?? '')
    .digest();
}

/** @throws PlatformError key-reused, in-progress or outcome-unknown */
async function take(db: Database, attempt: Attempt, request: Buffer): Promise<'taken' | Buffer> {
  const known = await takeIdempotencyKey(db, attempt, { request, leaseMs: LEASE_MS });
  if (known === 'taken') {
    await forgetIdempotencyKeys(db, attempt.tokenId, MAX_KEYS);
    return known;
  }
  return answerOf(attempt, known, request);
}

function answerOf({ key }: Attempt, known: KnownRequest | null, request: Buffer): Buffer {
  if (known !== null && !known.request.equals(request)) {
    throw new PlatformError(
      'key-reused',
      `the idempotency key ${key} was used for another request`,
      {
        hint: 'nothing was done; use a new key for each request, and the same key only to send the same again',
      },
    );
  }
  if (known?.answer) return known.answer;
  if (known !== null && !known.isRunning) throw outcomeUnknown(known);
  throw new PlatformError(
    'in-progress',
    'the first request with this idempotency key is still running',
    {
      hint: 'send it again in a moment: its answer will be yours too',
    },
  );
}

function outcomeUnknown({ beganAt }: KnownRequest): PlatformError {
  const message = `the first request with this idempotency key, of ${beganAt.toISOString()}, ended without an answer: it may have been carried out`;
  return new PlatformError('outcome-unknown', message, {
    hint: 'look whether what it makes is there (GET the same path, or: fn audit); if not, send it with a new key',
  });
}

function renewing(db: Database, attempt: Attempt): NodeJS.Timeout {
  const renew = (): void => {
    // Where the database is away, another attempt can't be begun either.
    renewIdempotencyKey(db, attempt, LEASE_MS).catch(() => {});
  };
  return setInterval(renew, RENEWAL_MS).unref();
}

function replay(request: FastifyRequest, reply: FastifyReply, sealed: Buffer): FastifyReply {
  const { status, headers, body } = openAnswer(sealed, tokenOf(request));
  return reply.code(status).headers(headers).header('idempotency-replayed', 'true').send(body);
}

async function settle(
  db: Database,
  attempt: RunningAttempt,
  { request, reply, payload }: { request: FastifyRequest; reply: FastifyReply; payload: unknown },
): Promise<void> {
  const isDone = reply.statusCode >= 200 && reply.statusCode < 300;
  if (attempt.isInDoubt) return abandonIdempotencyKey(db, attempt);
  if (!isDone) return releaseIdempotencyKey(db, attempt);
  assert(
    typeof payload === 'string' && payload.length <= MAX_KEPT_CHARACTERS,
    'what an operation that is carried out once answers can be kept',
  );
  const answer = { status: reply.statusCode, headers: keptHeaders(reply), body: payload };
  await keepAnswer(db, attempt, sealAnswer(answer, tokenOf(request)));
}

function keptHeaders(reply: FastifyReply): Record<string, string> {
  const kept = KEPT_HEADERS.map((name) => [name, reply.getHeader(name)] as const);
  return Object.fromEntries(
    kept.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

/** Its text: the request was authenticated by it. */
function tokenOf({ headers }: FastifyRequest): string {
  return headers.authorization ?? '';
}

/** Tells a client that is too early when to come again. */
export function retryAfterOf(error: unknown, code: string): string | null {
  if (error instanceof PlatformError && error.retryAfterS !== undefined) {
    return String(error.retryAfterS);
  }
  return code === 'in-progress' ? String(RETRY_AFTER_S) : null;
}
