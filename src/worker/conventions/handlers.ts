import type { EventShape } from './lambda-event.ts';
import type { Invocation } from '../invocation.ts';

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

export type UserFunction = (...parameters: unknown[]) => unknown;

/** Of a body that is read whole before the handler is called. */
export const MAX_EVENT_BODY_BYTES = 6 * 1024 * 1024;

/** Answers for a handler whose request cannot be read whole: the body would not fit into the worker beside others. */
export async function refuseBody(invocation: Invocation): Promise<void> {
  const error = `The request body is larger than ${MAX_EVENT_BODY_BYTES} bytes`;
  const { requestId } = invocation.head;
  await invocation.reply(
    413,
    [['content-type', 'application/json']],
    JSON.stringify({ error, requestId }),
  );
}

/** A promise of any implementation. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' && typeof value !== 'function') return false;
  return value !== null && typeof (value as Partial<PromiseLike<unknown>>).then === 'function';
}

export function isFunction(value: unknown): value is UserFunction {
  return typeof value === 'function';
}

/** A function that can be called; a class needs `new`. */
export function isCallable(value: unknown): value is UserFunction {
  return isFunction(value) && !isClass(value);
}

export function isClass(value: unknown): value is new (...parameters: unknown[]) => object {
  return isFunction(value) && /^class\b/.test(Function.prototype.toString.call(value));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null;
}
