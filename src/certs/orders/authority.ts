/**
 * One certificate authority, as orders speak to it: acme-client with a deadline for each call, and with failures that say
 * what they are. It never waits for anything itself: who asks again, and when, is decided by the schedule.
 */
import type { Agent } from 'node:https';
import type { Authorization, Client, Order } from 'acme-client';
import { type CallContext, caAdapter, getJson, withinCall } from './ca-transport.ts';
import { CaProblem } from './ca-problem.ts';
import { clockError } from '../renewal-plan.ts';
import { parseRetryAfter } from './retry-after.ts';

export interface Authority {
  /** What the directory offers beside orders. */
  readDirectory(): Promise<DirectoryMeta>;
  /** Makes the account of this key, or finds it; answers with its URL. */
  register(request: { email: string | null }): Promise<string>;
  createOrder(request: OrderRequest): Promise<Order>;
  getOrder(url: string): Promise<Order>;
  getAuthorizations(order: Order): Promise<Authorization[]>;
  /** What answers a challenge: RFC 8555 section 8.1, for dns-01 its digest. */
  keyAuthorization(challenge: Challenge): Promise<string>;
  /** Says that the answer can be looked at. */
  completeChallenge(challenge: Challenge): Promise<void>;
  finalizeOrder(order: Order, csr: Buffer): Promise<Order>;
  /** The chain in PEM. */
  download(order: Order): Promise<string>;
  /** What the last answer asks to wait for (Retry-After), in milliseconds since 1970. */
  readonly retryAt: number | null;
  /** GET of JSON that is not signed. */
  getJson(url: string): Promise<unknown>;
}

export type Challenge = Authorization['challenges'][number];

export interface DirectoryMeta {
  /** CAA issuer names that this authority takes for its own. */
  caaNames: string[];
  /** Profiles of certificates that can be asked for. */
  profiles: string[];
  /** Where it tells when certificates shall be renewed (RFC 9773). */
  renewalInfo: string | null;
  /** How far our clock is ahead of the authority's, when it is too far off to go on; else null. */
  clockErrorMs: number | null;
}

export interface OrderRequest {
  identifiers: { type: 'dns' | 'ip'; value: string }[];
  /** The certificate that it takes the place of, by its id of RFC 9773. */
  replaces?: string;
  profile?: string;
}

interface AuthoritySettings {
  url: string;
  /** PEM */
  accountKey: string;
  accountUrl: string | null;
  externalAccount: { kid: string; hmacKey: string } | null;
}

interface Deps {
  agent: Agent;
  now: () => number;
  /** Ends all of it. */
  signal: AbortSignal;
}

/** Of one call with all its requests: an authority that works answers within a few seconds. */
const CALL_DEADLINE_MS = 30_000;
/** acme-client itself tries six times; an authority that refuses nine of ten nonces needs some dozens. */
const NONCE_ROUNDS = 16;

export async function createAuthority(deps: Deps, settings: AuthoritySettings): Promise<Authority> {
  const client = await createClient(settings);
  /** Of whichever call began last: what `retryAt` is told by. */
  let last: CallContext | null = null;

  async function call<T>(work: (context: CallContext) => Promise<T>, round = 1): Promise<T> {
    const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(CALL_DEADLINE_MS)]);
    const context: CallContext = { ...deps, signal, headers: {} };
    last = context;
    try {
      return await withinCall(context, () => work(context));
    } catch (error) {
      if (error instanceof CaProblem) throw error;
      if (isBadNonce(error) && round < NONCE_ROUNDS) return call(work, round + 1);
      throw new CaProblem(`the authority's answer cannot be used: ${messageOf(error)}`, {
        kind: 'unusable',
        cause: error,
      });
    }
  }

  return {
    get retryAt() {
      return parseRetryAfter(last?.headers['retry-after'], deps.now());
    },
    getJson: (url) => call((context) => getJson(context, url)),
    readDirectory: () =>
      call(async (context) => readMeta(await getJson(context, settings.url), context)),
    register: async ({ email }) => {
      const contact = email === null ? {} : { contact: [`mailto:${email}`] };
      await call(() => client.createAccount({ termsOfServiceAgreed: true, ...contact }));
      return client.getAccountUrl();
    },
    createOrder: (request) => call(async () => checkedOrder(await client.createOrder(request))),
    getOrder: (url) => call(async () => checkedOrder(await client.getOrder({ url } as Order))),
    getAuthorizations: (order) => call(() => client.getAuthorizations(order)),
    keyAuthorization: (challenge) => call(() => client.getChallengeKeyAuthorization(challenge)),
    completeChallenge: async (challenge) => {
      await call(() => client.completeChallenge(challenge));
    },
    finalizeOrder: (order, csr) =>
      call(async () => checkedOrder(await client.finalizeOrder(order, csr))),
    download: (order) => call(() => client.getCertificate(order)),
  };
}

/** Imported when it is needed: it takes 170 ms, and most starts order nothing. */
async function createClient(settings: AuthoritySettings): Promise<Client> {
  const acme = await import('acme-client');
  acme.axios.defaults.adapter = caAdapter as never;
  return new acme.Client({
    directoryUrl: settings.url,
    accountKey: settings.accountKey,
    ...(settings.accountUrl !== null && { accountUrl: settings.accountUrl }),
    ...(settings.externalAccount !== null && {
      externalAccountBinding: settings.externalAccount,
    }),
  });
}

/** acme-client gives up with the authority's words alone. */
function isBadNonce(error: unknown): boolean {
  return /nonce/i.test(messageOf(error));
}

const ORDER_STATES = ['pending', 'ready', 'processing', 'valid', 'invalid'];

function checkedOrder(order: Order): Order {
  if (ORDER_STATES.includes(order.status) && Array.isArray(order.authorizations)) return order;
  throw new Error(`an order with the status ${JSON.stringify(order.status)}`);
}

function readMeta(directory: unknown, { headers, now }: CallContext): DirectoryMeta {
  const { meta, renewalInfo, newOrder } = (directory ?? {}) as Record<string, unknown>;
  if (typeof newOrder !== 'string') throw new Error('this is no ACME directory');
  const { caaIdentities, profiles } = (meta ?? {}) as Record<string, unknown>;
  const date = Date.parse(headers['date'] ?? '');
  return {
    caaNames: Array.isArray(caaIdentities) ? caaIdentities.map(String) : [],
    profiles: typeof profiles === 'object' && profiles !== null ? Object.keys(profiles) : [],
    renewalInfo: typeof renewalInfo === 'string' ? renewalInfo : null,
    clockErrorMs: Number.isNaN(date) ? null : clockError(date, now()),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
