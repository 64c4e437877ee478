/**
 * One order from its beginning, or from wherever it was left, to the chain (RFC 8555 section 7.4):
 *
 *     pending ──challenges answered──▶ ready ──finalize──▶ processing ──▶ valid ──▶ download
 *
 * Its URL is stored as soon as it is known, and the key before that: whatever dies, the next attempt goes on from the state
 * that the authority tells, and makes no second order.
 */
import type { Authorization, Order } from 'acme-client';
import type { Clock } from '../../std/clock.ts';
import type { Authority, Challenge, OrderRequest } from './authority.ts';
import { CaProblem, describeProblem } from './ca-problem.ts';
import { AttemptFailure } from '../certificate-problem.ts';
import type { ChallengeKind } from '../ports.ts';

/** What an authority looks for, and what it shall find. */
export interface ChallengeTask {
  kind: ChallengeKind;
  /** Without `*.` */
  host: string;
  token: string;
  keyAuthorization: string;
}

export interface OrderDeps {
  authority: Authority;
  clock: Clock;
  /** Resolves when all answers can be found. */
  answer(tasks: readonly ChallengeTask[]): Promise<void>;
  /** The order exists from now on. */
  onOrdered(url: string): Promise<void>;
  /** Ends the attempt; the order stays for the next. */
  signal: AbortSignal;
}

export interface OrderPlan {
  request: OrderRequest;
  /** One that is under way already. */
  orderUrl: string | null;
  csr: Buffer;
  kinds: readonly ChallengeKind[];
}

/** Of an authority that says nothing else; doubled each time up to the last. */
const FIRST_POLL_MS = 100;
const LAST_POLL_MS = 5_000;
/** Who asks for more is left alone, and asked by the schedule. */
const MAX_POLL_WAIT_MS = 60_000;
/** From saying that the answers are there. An authority looks within seconds, from several places. */
const MAX_POLL_MS = 3 * 60_000;

/** @throws CaProblem, AttemptFailure */
export async function runOrder(deps: OrderDeps, plan: OrderPlan): Promise<string> {
  let order = await openOrder(deps, plan);
  if (order.status === 'pending') order = await proveNames(deps, order, plan.kinds);
  if (order.status === 'ready') order = await deps.authority.finalizeOrder(order, plan.csr);
  order = await pollOrder(deps, order, ({ status }) => status === 'valid');
  return deps.authority.download(order);
}

async function openOrder(deps: OrderDeps, { orderUrl, request }: OrderPlan): Promise<Order> {
  const former = orderUrl === null ? null : await findOrder(deps.authority, orderUrl);
  if (former !== null) return former;
  const order = await deps.authority.createOrder(request);
  await deps.onOrdered(order.url);
  return order;
}

/** Null when the authority knows it no more, or it has failed: its key may be used for another. */
async function findOrder(authority: Authority, url: string): Promise<Order | null> {
  try {
    const order = await authority.getOrder(url);
    return order.status === 'invalid' ? null : order;
  } catch (error) {
    if (error instanceof CaProblem && error.kind === 'refused') return null;
    throw error;
  }
}

async function proveNames(
  deps: OrderDeps,
  order: Order,
  kinds: readonly ChallengeKind[],
): Promise<Order> {
  const open = (await deps.authority.getAuthorizations(order)).filter(isPending);
  const chosen = open.map((authorization) => chooseChallenge(authorization, kinds));
  const tasks = await Promise.all(
    chosen.map(async ({ challenge, kind, host }) => ({
      kind,
      host,
      token: challenge.token,
      keyAuthorization: await deps.authority.keyAuthorization(challenge),
    })),
  );
  if (tasks.length > 0) await deps.answer(tasks);
  for (const { challenge } of chosen) {
    if (challenge.status === 'pending') await deps.authority.completeChallenge(challenge);
  }
  return pollOrder(deps, order, ({ status }) => status !== 'pending');
}

interface ChosenChallenge {
  challenge: Challenge;
  kind: ChallengeKind;
  host: string;
}

function chooseChallenge(
  authorization: Authorization,
  kinds: readonly ChallengeKind[],
): ChosenChallenge {
  const host = authorization.identifier.value;
  // What an authority offers for a wildcard is dns-01 alone.
  for (const kind of kinds) {
    const challenge = authorization.challenges.find(({ type }) => type === kind);
    if (challenge !== undefined) return { challenge, kind, host };
  }
  const offered = authorization.challenges.map(({ type }) => type).join(', ');
  throw new AttemptFailure('no-challenge', `the authority offers only ${offered} for ${host}`, {
    hint: `possible here: ${kinds.join(', ') || 'none'}; wildcards need FN_DNS_PROVIDER`,
  });
}

function isPending({ status }: Authorization): boolean {
  return status === 'pending';
}

/** Asks until the order is as wanted. @throws when it has failed, or takes too long. */
async function pollOrder(
  deps: OrderDeps,
  first: Order,
  isDone: (order: Order) => boolean,
): Promise<Order> {
  const startedMs = deps.clock.monotonicMs();
  let order = first;
  let waitMs = FIRST_POLL_MS;
  while (!isDone(order)) {
    if (order.status === 'invalid') throw await reasonOf(deps.authority, order);
    const askedMs = (deps.authority.retryAt ?? 0) - deps.clock.now();
    const isTooLong = deps.clock.monotonicMs() - startedMs > MAX_POLL_MS;
    if (isTooLong || askedMs > MAX_POLL_WAIT_MS) throw stillPending(deps, order);
    await pause(deps, Math.max(waitMs, Math.min(askedMs, MAX_POLL_WAIT_MS)));
    waitMs = Math.min(waitMs * 2, LAST_POLL_MS);
    order = await deps.authority.getOrder(order.url);
  }
  return order;
}

function stillPending({ authority }: OrderDeps, { status }: Order): CaProblem {
  return new CaProblem(`the order is still ${status}`, {
    kind: 'rate-limited',
    retryAt: authority.retryAt,
  });
}

/** Which name was not proven, and why; the order itself often says neither. */
async function reasonOf(authority: Authority, order: Order): Promise<Error> {
  const authorizations = await authority.getAuthorizations(order).catch(() => []);
  for (const { identifier, challenges } of authorizations) {
    const failed = challenges.find(({ status }) => status === 'invalid');
    if (failed === undefined) continue;
    const { text } = describeProblem(failed.error);
    return new AttemptFailure(
      'challenge-failed',
      `${identifier.value} was not proven by ${failed.type}: ${text || 'the authority gives no reason'}`,
      { hint: hintOf(failed.type) },
    );
  }
  const { text, type } = describeProblem(order.error);
  return new CaProblem(text || 'the order has failed', { kind: 'refused', type });
}

function hintOf(kind: string): string {
  if (kind === 'dns-01')
    return 'see whether FN_DNS_PROVIDER sets records where the world sees them';
  const port = kind === 'http-01' ? 80 : 443;
  return `the name must lead to this machine, and port ${port} there to this server`;
}

function pause({ clock, signal }: OrderDeps, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
