/** How each convention's handler is called. */
import type { Invocation } from './invocation.ts';
import { createLambdaEvent, type EventShape, type LambdaEvent } from './lambda-event.ts';
import type { RequestBody } from './request-body.ts';
import { sendResult } from './result.ts';
import { createWebRequest } from './web-response.ts';

/** What a handler may ask of the worker that it runs in. */
export interface HandlerHost {
  functionName: string;
  version: string;
  deployment: string;
  memoryMib: number;
  timeoutMs: number;
  environment: Record<string, string>;
  event: EventShape;
  /** The worker outlives the response until the promise settles, within limits. */
  waitUntil: (promise: unknown) => void;
}

/** Runs the function's code for one invocation and sends its answer. Rejects with what the code threw. */
export type Handle = (invocation: Invocation) => Promise<void>;

type UserFunction = (...parameters: unknown[]) => unknown;

export const WEB_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/**
 * Lambda's own limit of a payload. An event holds the body whole, and several times over while it is made: what a
 * streaming handler may be sent would end a worker of ordinary size.
 */
const MAX_EVENT_BODY_BYTES = 6 * 1024 * 1024;

/**
 * What comes first is the answer: the callback's, or what is returned. Code that declares a callback often returns
 * whatever its last call did; only a promise counts then.
 */
export function lambdaHandle(handler: UserFunction, host: HandlerHost): Handle {
  const declaresCallback = handler.length >= 3;
  const contextOf = lambdaContexts(host);
  return async (invocation) => {
    const event =
      invocation.body === null
        ? createLambdaEvent(invocation.head, null, host.event)
        : await readEvent(invocation, invocation.body, host.event);
    if (event === null) return;
    const call = new LambdaCall(invocation);
    let result: unknown;
    try {
      const returned = handler(event, contextOf(invocation), call.callback);
      if (declaresCallback && !isThenable(returned)) return;
      result = await returned;
    } catch (error) {
      if (call.begin()) throw error;
    }
    if (!call.begin()) return;
    const sending = sendResult(invocation, result);
    if (sending !== null) await sending;
  };
}

/** Lets one answer through, the first. */
class LambdaCall {
  readonly #invocation: Invocation;
  #isAnswered = false;

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
  }

  readonly callback = (error: unknown, result?: unknown): void => {
    if (this.begin()) void answerByCallback(this.#invocation, error, result);
  };

  /** Whether this answer is the first. */
  begin(): boolean {
    if (this.#isAnswered) return false;
    this.#isAnswered = true;
    return true;
  }
}

async function answerByCallback(
  invocation: Invocation,
  error: unknown,
  result: unknown,
): Promise<void> {
  if (error !== undefined && error !== null) return invocation.fail(error);
  try {
    await sendResult(invocation, result);
  } catch (thrown) {
    invocation.fail(thrown);
  }
}

/** Null when the body is too large for an event: that is answered already. An empty body counts as none. */
async function readEvent(
  invocation: Invocation,
  body: RequestBody,
  shape: EventShape,
): Promise<LambdaEvent | null> {
  const bytes = await body.readAll(MAX_EVENT_BODY_BYTES);
  if (bytes !== null) {
    return createLambdaEvent(invocation.head, bytes.length === 0 ? null : bytes, shape);
  }
  const error = `The request body is larger than ${MAX_EVENT_BODY_BYTES} bytes`;
  const { requestId } = invocation.head;
  await invocation.reply(
    413,
    [['content-type', 'application/json']],
    JSON.stringify({ error, requestId }),
  );
  return null;
}

/** Makes each call's context; what is the same in all is made once. */
function lambdaContexts(host: HandlerHost): (invocation: Invocation) => Record<string, unknown> {
  const memoryLimitInMB = String(host.memoryMib);
  const invokedFunctionArn = `arn:fn:function:${host.functionName}:${host.version}`;
  const logGroupName = `/fn/${host.functionName}`;
  return (invocation) => ({
    functionName: host.functionName,
    functionVersion: host.version,
    memoryLimitInMB,
    awsRequestId: invocation.head.requestId,
    invokedFunctionArn,
    logGroupName,
    logStreamName: host.deployment,
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () =>
      Math.max(0, Math.round(host.timeoutMs - (performance.now() - invocation.startedAtMs))),
    waitUntil: host.waitUntil,
  });
}

/** A function of one plain object `{ method, path, headers, body, query }`. */
export function plainHandle(handler: UserFunction, host: HandlerHost): Handle {
  return async (invocation) => {
    const event =
      invocation.body === null
        ? createLambdaEvent(invocation.head, null, host.event)
        : await readEvent(invocation, invocation.body, host.event);
    if (event !== null) await sendResult(invocation, await handler(event));
  };
}

export function webHandle(handler: UserFunction): Handle {
  return async (invocation) => {
    await sendResult(invocation, await handler(createWebRequest(invocation)));
  };
}

/** `export default { fetch(request, env, ctx) }`. */
export function fetchHandle(target: { fetch: UserFunction }, host: HandlerHost): Handle {
  const ctx = { waitUntil: host.waitUntil, passThroughOnException: () => {} };
  return async (invocation) => {
    const request = createWebRequest(invocation);
    await sendResult(invocation, await target.fetch(request, host.environment, ctx));
  };
}

/** `export function GET(request)` and so on; HEAD is answered by GET when there is no HEAD. */
export function methodsHandle(methods: ReadonlyMap<string, UserFunction>): Handle {
  const allowed = [
    ...methods.keys(),
    ...(methods.has('GET') && !methods.has('HEAD') ? ['HEAD'] : []),
  ];
  return async (invocation) => {
    const { method } = invocation.head;
    const handler = methods.get(method) ?? (method === 'HEAD' ? methods.get('GET') : undefined);
    if (handler === undefined) {
      const headers: [string, string][] = [
        ['allow', allowed.join(', ')],
        ['content-type', 'text/plain; charset=utf-8'],
      ];
      await invocation.reply(405, headers, 'Method Not Allowed\n');
      return;
    }
    await sendResult(invocation, await handler(createWebRequest(invocation)));
  };
}

/** A promise of any implementation. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' && typeof value !== 'function') return false;
  return value !== null && typeof (value as Partial<PromiseLike<unknown>>).then === 'function';
}
