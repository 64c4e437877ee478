/** Secrets of share links in requests: who sent one, where, and what is left of the field without it. */

export const SHARE_PARAMETER = 'fn-share';
export const SHARE_HEADER = 'x-fn-share';
/** Browsers take it from this very host alone, over HTTPS alone (RFC 6265bis section 4.1.3.2). */
export const SECURE_COOKIE = '__Host-fn-share';
/** Where there is no HTTPS: names of this machine. */
export const PLAIN_COOKIE = 'fn-share';
/** A client with more than these sends what no browser sends. */
const MAX_SECRETS = 4;
const SECRET = /^[a-z2-7]{40}$/;
const PAIR = new RegExp(`^[ \t]*(?:${SECURE_COOKIE}|${PLAIN_COOKIE})[ \t]*=(.*)$`);

/** Most requests have none, and share this. */
export const NO_SECRETS: readonly string[] = [];

/** Adds a secret; what cannot be one is dropped. */
export function withSecret(secrets: readonly string[], text: string): readonly string[] {
  return SECRET.test(text) && secrets.length < MAX_SECRETS ? [...secrets, text] : secrets;
}

export interface TakenCookie {
  /** What a function gets, all other pairs as they came; null for nothing. */
  rest: string | null;
  secrets: readonly string[];
}

/** Takes the door's cookies out of a Cookie field; null when there are none. */
export function takeShareCookies(value: string, secrets: readonly string[]): TakenCookie | null {
  // `fn-share` ends the other name too.
  if (!value.includes(PLAIN_COOKIE)) return null;
  const pairs = value.split(';');
  const kept = pairs.filter((pair) => !PAIR.test(pair));
  if (kept.length === pairs.length) return null;
  let found = secrets;
  for (const pair of pairs) found = withSecret(found, PAIR.exec(pair)?.[1]?.trim() ?? '');
  const rest = kept.join(';').trimStart();
  return { rest: rest === '' ? null : rest, secrets: found };
}

export interface TakenParameter {
  /** The target without it, all else as it came. */
  rest: string;
  secret: string;
}

/** Takes the parameter out of a request target; null when it is not there. */
export function takeShareParameter(target: string): TakenParameter | null {
  const query = target.indexOf('?');
  if (query === -1 || !target.includes(SHARE_PARAMETER, query)) return null;
  const pairs = target.slice(query + 1).split('&');
  const kept = pairs.filter((pair) => !isShare(pair));
  const own = pairs.find(isShare);
  if (own === undefined) return null;
  const rest = kept.length === 0 ? '' : `?${kept.join('&')}`;
  return { rest: target.slice(0, query) + rest, secret: own.slice(SHARE_PARAMETER.length + 1) };
}

function isShare(pair: string): boolean {
  return pair === SHARE_PARAMETER || pair.startsWith(`${SHARE_PARAMETER}=`);
}
