/**
 * Calls of a provider's HTTPS interface: each with a deadline and a bounded answer, none redirected, so that a token
 * goes to the provider alone. What keeps an answer from coming, or from meaning anything, is told once, here.
 */
import { providerFailed, shown } from './provider-error.ts';

export interface ApiCall {
  method: 'GET' | 'POST' | 'DELETE';
  url: URL;
  headers: Record<string, string>;
  body?: string;
}

export interface ApiAnswer {
  status: number;
  text: string;
}

const CALL_DEADLINE_MS = 20_000;
/** A page of a hundred records has some 50 KiB. */
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
const PAGE_RECORDS = 100;
/** Records of one name: more are no challenges of ours. */
const MAX_PAGES = 10;

/** @throws PlatformError `unavailable` when there is no answer, or one of a provider that is down or has had enough. */
export async function callApi(
  provider: string,
  call: ApiCall,
  signal: AbortSignal,
): Promise<ApiAnswer> {
  const { method, url, headers, body } = call;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(CALL_DEADLINE_MS)]);
  let response: Response;
  let text: string;
  try {
    const sent = body === undefined ? {} : { body };
    response = await fetch(url, { method, headers, ...sent, redirect: 'error', signal: deadline });
    text = await readBounded(response);
  } catch (error) {
    throw unreachable(provider, url, error);
  }
  if (response.status === 429) throw tooMany(provider, response.headers.get('retry-after'));
  if (response.status >= 500) {
    throw providerFailed(
      `${provider} answered ${response.status}: ${shown(text) || 'nothing'}`,
      `See whether ${provider} has an outage; it is tried again by itself.`,
    );
  }
  return { status: response.status, text };
}

/** A call of an interface whose calls carry a token, and JSON. */
export function callWithToken(
  provider: string,
  { token, method, url, body }: Pick<ApiCall, 'method' | 'url'> & { token: string; body?: object },
  signal: AbortSignal,
): Promise<ApiAnswer> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  if (body === undefined) return callApi(provider, { method, url, headers }, signal);
  headers['content-type'] = 'application/json';
  return callApi(provider, { method, url, headers, body: JSON.stringify(body) }, signal);
}

/**
 * Of all TXT records of a name those that are ours.
 * @param readPage reads the records that the query asks for
 */
export async function findTxtRecords(
  name: string,
  readPage: (query: URLSearchParams) => Promise<Record<string, unknown>[]>,
  isOurs: (record: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const query = { type: 'TXT', name, page: String(page), per_page: String(PAGE_RECORDS) };
    const records = await readPage(new URLSearchParams(query));
    found.push(...records.filter(isOurs));
    if (records.length < PAGE_RECORDS) break;
  }
  return found;
}

/** The answer's JSON. @throws PlatformError `unavailable` for what is none */
export function readJson(provider: string, { status, text }: ApiAnswer): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw oddAnswer(provider, `${status}, ${shown(text) || 'an empty body'}`, error);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

export function oddAnswer(provider: string, what: string, cause?: unknown): Error {
  return providerFailed(
    `${provider} answered what its documentation does not have: ${what}`,
    `See whether something stands between this machine and ${provider}; it is tried again by itself.`,
    cause,
  );
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES)
      throw new Error(`the answer has more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function unreachable(provider: string, url: URL, error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const isLate = error instanceof Error && error.name === 'TimeoutError';
  const what = isLate
    ? `no answer within ${CALL_DEADLINE_MS / 1_000} s`
    : shown(cause instanceof Error ? cause.message : String(cause));
  return providerFailed(
    `${provider} could not be asked: ${what}`,
    `Look whether this machine reaches ${url.origin}; it is tried again by itself.`,
    error,
  );
}

/** Retry-After is seconds or a date (RFC 9110 section 10.2.3); as it was said it tells the operator enough. */
function tooMany(provider: string, retryAfter: string | null): Error {
  const until = retryAfter === null ? '' : `, and says to try again after ${shown(retryAfter)}`;
  const unit = retryAfter !== null && /^\d+$/.test(retryAfter.trim()) ? ' s' : '';
  return providerFailed(
    `${provider} has had too many calls (429)${until}${unit}`,
    `It is tried again by itself. Where this goes on, see what else uses the same account at ${provider}.`,
  );
}
