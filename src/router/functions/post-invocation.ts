/** Invocations that the API asks for: through the same pool and into the same logs and metrics as requests at the door. */
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { ServedDeployment, ServedFunction } from '../../model/served.ts';
import type { InvokeOutcome } from '../../protocol/data-plane.ts';
import { EVENT_SCHEME, invokeClientText, invokeText } from '../../protocol/invoke.ts';
import type { Clock } from '../../std/clock.ts';
import { failureAnswer } from './failure-answer.ts';
import type { FunctionSide, InvocationLog } from '../ports.ts';
import { type PostedEnd, type PostedFacts, PostedInvocation } from './posted-invocation.ts';
import { readFunctionHeaders } from '../response-head.ts';

export type PostInvocation = (
  target: { deployment: ServedDeployment; served: ServedFunction; host: string },
  payload: Buffer,
  signal: AbortSignal,
) => Promise<InvokeOutcome>;

interface Deps {
  functions: FunctionSide;
  invocations: InvocationLog;
  /** What the request prints, until it is taken. */
  lines: {
    gather(requestId: string): void;
    take(requestId: string): { lines: string[]; dropped: number };
  };
  /** Names and explains a failure as the log has it. */
  describeFailure: (failure: Extract<PostedEnd, { kind: 'failed' }>['failure']) => {
    errorType: string;
    message: string;
    stack?: string;
  };
  clock: Clock;
}

/** Of a handler that throws: its caller here is its author, not a client of its. */
const THREW_STATUS = 500;

export function createPostInvocation(deps: Deps): PostInvocation {
  const { functions, invocations, lines, clock } = deps;

  function outcomeOf(requestId: string, { end, ...facts }: PostedFacts): InvokeOutcome {
    const measured = {
      requestId,
      durationMs: facts.durationMs,
      coldStartMs: facts.coldStartMs,
      peakMemoryKib: facts.worker?.peakMemoryKib ?? 0,
      logs: lines.take(requestId),
    };
    if (end.kind === 'cancelled' || end.kind === 'too-large')
      return { ...measured, kind: end.kind };
    if (end.kind === 'failed') {
      const { status, retryAfterSeconds } = failureAnswer(end.failure);
      const { errorType, message, stack = '' } = deps.describeFailure(end.failure);
      const known = end.failure.kind === 'threw' ? THREW_STATUS : status;
      const failure = { status: known, errorType, message, stack, retryAfterSeconds };
      return { ...measured, kind: 'failed', ...failure };
    }
    const contentType = contentTypeOf(end.headers);
    const body = end.body.toString('base64');
    return { ...measured, kind: 'answered', status: end.status, contentType, body };
  }

  return async ({ deployment, served, host }, payload, signal) => {
    const requestId = randomUUID();
    const clientText = invokeClientText(
      { scheme: EVENT_SCHEME, peer: '127.0.0.1' },
      headers(host, payload),
    );
    const target = pathOf(served);
    const text = invokeText({ requestId, method: 'POST', target }, clientText);
    const invocation = new PostedInvocation({ requestId, text, payload }, () =>
      clock.monotonicMs(),
    );
    const dispatcher = functions.functionPool(deployment, served);
    const cancel = (): void => invocation.cancel(dispatcher);
    lines.gather(requestId);
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    else dispatcher.dispatch(invocation);
    const facts = await invocation.outcome;
    signal.removeEventListener('abort', cancel);
    invocations.ended({ deployment, served }, endOf(requestId, payload, facts));
    // The worker tells of its memory right behind its answer: what both say is known when this read is done.
    await setImmediate();
    return outcomeOf(requestId, facts);
  };
}

function headers(host: string, payload: Buffer): string {
  return (
    `\nhost\n${host}\ncontent-type\napplication/json\ncontent-length\n${payload.length}` +
    `\nx-forwarded-for\n127.0.0.1\nx-forwarded-proto\nhttp\nx-forwarded-host\n${host}`
  );
}

function endOf(requestId: string, payload: Buffer, facts: PostedFacts) {
  const { end, durationMs, coldStartMs, responseBytes, worker } = facts;
  const failure = end.kind === 'failed' ? end.failure : null;
  const status = end.kind === 'answered' ? end.status : null;
  return {
    requestId,
    durationMs,
    coldStartMs,
    responseBytes,
    worker,
    failure,
    status: failure === null ? status : failureAnswer(failure).status,
    requestBytes: payload.length,
  };
}

/** Of a function for one path, what of it stands for itself. */
function pathOf({ path = '/' }: ServedFunction): string {
  return path.split(/\/(?=[:*])/, 1)[0] || '/';
}

function contentTypeOf(text: string): string | null {
  const known = readFunctionHeaders(text, '');
  if (known.kind === 'bad') return null;
  const at = known.list.findIndex((name, index) => index % 2 === 0 && name === 'content-type');
  return at === -1 ? null : (known.list[at + 1] ?? null);
}
