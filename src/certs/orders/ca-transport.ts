/**
 * How acme-client reaches an authority: its axios instance is given this adapter in place of axios' own, which has no time
 * limit, follows redirects, obeys proxy variables and takes answers of any size. Every request ends by the deadline of the
 * call that it belongs to (`withinCall`), and an answer that says no is thrown as CaProblem here, where its status and
 * headers are still at hand. So acme-client's own repetition, which sleeps for whatever Retry-After says, sees none.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Agent, request } from 'node:https';
import { rootCertificates } from 'node:tls';
import { printableLine } from '../../std/printable.ts';
import { CaProblem, describeProblem } from './ca-problem.ts';
import { parseRetryAfter } from './retry-after.ts';

/** What one call to an authority may use, and what it has learnt. */
export interface CallContext {
  signal: AbortSignal;
  agent: Agent;
  now: () => number;
  /** The headers of the last answer. */
  headers: Record<string, string>;
}

/** The part of axios' request that acme-client sets. */
interface AdapterRequest {
  url?: string;
  method?: string;
  data?: unknown;
  headers?: { toJSON?: () => Record<string, unknown> };
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/** A chain of certificates has a few KB; nothing that an authority says is longer. */
const MAX_ANSWER_BYTES = 256 * 1024;
/** Of a URL that an authority names. */
const MAX_SHOWN_CHARACTERS = 200;
const USER_AGENT = 'gitfn (acme-client)';
const TOO_MANY_REQUESTS = 429;
/** Authorities that ask for patience by it say when (RFC 9110 section 15.6.4). */
const UNAVAILABLE = 503;

const calls = new AsyncLocalStorage<CallContext>();

/** Runs what makes requests by way of acme-client. */
export function withinCall<T>(context: CallContext, work: () => Promise<T>): Promise<T> {
  return calls.run(context, work);
}

/** Keeps connections between the requests of an order; `roots` in PEM are believed beside the public ones. */
export function createAgent(roots: string | null): Agent {
  const ca = roots === null ? undefined : [...rootCertificates, roots];
  return new Agent({ keepAlive: true, maxSockets: 4, ...(ca && { ca }) });
}

/** For `axios.defaults.adapter`. */
export async function caAdapter(config: AdapterRequest): Promise<unknown> {
  const context = calls.getStore();
  if (context === undefined) throw new Error('a request outside of any call');
  const answer = await ask(context, config);
  context.headers = answer.headers;
  refuseProblems(answer, context.now());
  const { status, headers, text: data } = answer;
  return { status, statusText: '', headers, data, config, request: null };
}

/** A plain GET for what acme-client does not know, with the same limits. */
export async function getJson(context: CallContext, url: string): Promise<unknown> {
  const answer = await ask(context, { url, method: 'get' });
  context.headers = answer.headers;
  refuseProblems(answer, context.now());
  return parse(answer.text);
}

async function ask(context: CallContext, config: AdapterRequest): Promise<Answer> {
  const url = URL.parse(config.url ?? '');
  if (url?.protocol !== 'https:') {
    const named = url === null ? 'no URL' : printableLine(url.href, MAX_SHOWN_CHARACTERS);
    throw new CaProblem(`the authority names ${named}, which is not https`, { kind: 'unusable' });
  }
  try {
    return await exchange(context, url, config);
  } catch (error) {
    if (error instanceof CaProblem) throw error;
    throw new CaProblem(`${url.host} does not answer: ${reasonOf(error, context.signal)}`, {
      kind: 'unreachable',
      cause: error,
    });
  }
}

function exchange(
  { agent, signal }: CallContext,
  url: URL,
  config: AdapterRequest,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = typeof config.data === 'string' ? config.data : '';
    const headers = { ...config.headers?.toJSON?.(), 'user-agent': USER_AGENT } as Record<
      string,
      string
    >;
    if (body !== '') headers['content-length'] = String(Buffer.byteLength(body));
    const method = (config.method ?? 'get').toUpperCase();
    const sent = request(url, { method, agent, signal, headers }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) response.destroy(new Error('its answer is too long'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: flat(response.headers),
          text: Buffer.concat(chunks).toString(),
        }),
      );
      response.on('close', () => reject(new Error('it closed the connection'))); // No harm after `end`.
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function flat(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]),
  );
}

/** A nonce that is too old is left to acme-client, which asks again with the new one (RFC 8555 section 6.5). */
function refuseProblems({ status, headers, text }: Answer, now: number): void {
  if (status < 300) return;
  const { type, text: said } = describeProblem(parse(text));
  if (type === 'badNonce') return;
  const retryAt = parseRetryAfter(headers['retry-after'], now);
  const kind = kindOf(status, type, retryAt);
  throw new CaProblem(said || `the authority answers with ${status}`, {
    kind,
    type,
    status,
    retryAt,
  });
}

function kindOf(status: number, type: string | null, retryAt: number | null): CaProblem['kind'] {
  if (status === TOO_MANY_REQUESTS || type === 'rateLimited') return 'rate-limited';
  if (status === UNAVAILABLE && retryAt !== null) return 'rate-limited';
  if (status >= 500) return 'failing';
  return status >= 400 ? 'refused' : 'unusable';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function reasonOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'it takes too long';
  return error instanceof Error ? error.message : String(error);
}
