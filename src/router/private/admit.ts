/** What becomes of a request to a private host before anything else looks at it. */
import type { Answer } from '../answers.ts';
import type { Client } from '../client.ts';
import type { RequestHead } from '../request-head.ts';
import type { Lock } from './lock.ts';
import { privateAnswer } from './private-answer.ts';
import { PLAIN_COOKIE, SECURE_COOKIE, takeShareParameter } from './share-fields.ts';

export interface Asked {
  client: Pick<Client, 'method' | 'target' | 'request'>;
  head: Pick<RequestHead, 'hostHeader' | 'shareSecrets'>;
  /** As the client sees it. */
  scheme: 'http' | 'https';
}

const MS_PER_SECOND = 1_000;

/**
 * Null when the request may go on. `isRedirect`: it will be sent to another host, which takes the parameter itself.
 */
export function admit(
  lock: Lock,
  asked: Asked,
  { nowMs, isRedirect }: { nowMs: number; isRedirect: boolean },
): Answer | null {
  const { method, target } = asked.client;
  const taken = takeShareParameter(target);
  const isByAddress = taken !== null && (method === 'GET' || method === 'HEAD');
  const until = isByAddress ? lock.opensUntil(taken.secret, nowMs) : null;
  const mayPass = asked.head.shareSecrets.some((secret) => lock.opensUntil(secret, nowMs) !== null);
  if (until === null && !mayPass) return privateAnswer(asked.client.request.headers.accept ?? '');
  if (!isByAddress || isRedirect) return null;
  const cookie = until === null ? null : cookieOf(taken.secret, asked.scheme, until - nowMs);
  return withoutParameter(asked, taken.rest, cookie);
}

/** To the same address, so that the secret stays in no history and goes to no other site as the referrer. */
function withoutParameter(asked: Asked, rest: string, cookie: string | null): Answer {
  return {
    status: 303,
    body: 'The link has opened this page.\n',
    headers: {
      // With its host: a path of two slashes would name another one.
      location: `${asked.scheme}://${asked.head.hostHeader}${rest}`,
      ...(cookie !== null && { 'set-cookie': cookie }),
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-robots-tag': 'noindex',
    },
  };
}

function cookieOf(secret: string, scheme: Asked['scheme'], forMs: number): string {
  const maxAge = Math.max(1, Math.floor(forMs / MS_PER_SECOND));
  const rest = `Max-Age=${maxAge}; Path=/; HttpOnly; SameSite=Lax`;
  return scheme === 'https'
    ? `${SECURE_COOKIE}=${secret}; ${rest}; Secure`
    : `${PLAIN_COOKIE}=${secret}; ${rest}`;
}
