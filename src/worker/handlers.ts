/** How each convention's handler is called. */
import type { Invocation } from './invocation.ts';
import { createLambdaEvent, readLambdaBody } from './lambda-event.ts';
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
  /** The worker outlives the response until the promise settles, within limits. */
  waitUntil: (promise: unknown) => void;
}

/** Runs the function's code for one invocation and sends its answer. Rejects with what the code threw. */
export type Handle = (invocation: Invocation) => Promise<void>;

type UserFunction = (...parameters: unknown[]) => unknown;
type Callback = (error: unknown, result?: unknown) => void;

export const WEB_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export function lambdaHandle(handler: UserFunction, host: HandlerHost): Handle {
  const takesCallback = handler.length >= 3;
  return async (invocation) => {
    const body = invocation.body === null ? null : await readLambdaBody(invocation.body);
    const event = createLambdaEvent(invocation.head, body);
    const context = lambdaContext(invocation, host);
    const result = takesCallback
      ? await callWithCallback(handler, event, context)
      : await handler(event, context);
    const sending = sendResult(invocation, result);
    if (sending !== null) await sending;
  };
}

/** Whichever comes first: the callback, or a returned promise. */
function callWithCallback(
  handler: UserFunction,
  event: unknown,
  context: unknown,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const callback: Callback = (error, result) => {
      if (error === undefined || error === null) resolve(result);
      else reject(error);
    };
    const returned = handler(event, context, callback);
    if (returned instanceof Promise) returned.then(resolve, reject);
  });
}

function lambdaContext(invocation: Invocation, host: HandlerHost): Record<string, unknown> {
  return {
    functionName: host.functionName,
    functionVersion: host.version,
    memoryLimitInMB: String(host.memoryMib),
    awsRequestId: invocation.head.requestId,
    invokedFunctionArn: `arn:fn:function:${host.functionName}:${host.version}`,
    logGroupName: `/fn/${host.functionName}`,
    logStreamName: host.deployment,
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () =>
      Math.max(0, Math.round(host.timeoutMs - (performance.now() - invocation.startedAtMs))),
    waitUntil: host.waitUntil,
  };
}

/** A function of one plain object `{ method, path, headers, body, query }`. */
export function plainHandle(handler: UserFunction): Handle {
  return async (invocation) => {
    const body = invocation.body === null ? null : await readLambdaBody(invocation.body);
    await sendResult(invocation, await handler(createLambdaEvent(invocation.head, body)));
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
