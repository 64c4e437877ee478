/** `handler(event, context)`, and functions of one plain object, which get the same event. */
import { EVENT_SCHEME } from '../../protocol/invoke.ts';
import { isThenable, MAX_EVENT_BODY_BYTES, refuseBody } from './handlers.ts';
import type { Handle, HandlerHost, UserFunction } from './handlers.ts';
import type { Invocation } from '../invocation.ts';
import { createLambdaEvent, type EventShape, type LambdaEvent } from './lambda-event.ts';
import { LambdaResponseStream } from './lambda-stream.ts';
import type { RequestBody } from '../request-body.ts';
import { sendResult } from './result.ts';

/**
 * What comes first is the answer: the callback's, or what is returned. Code that declares a callback often returns
 * whatever its last call did; only a promise counts then.
 */
export function lambdaHandle(handler: UserFunction, host: HandlerHost): Handle {
  const declaresCallback = handler.length >= 3;
  const contextOf = lambdaContexts(host);
  return async (invocation) => {
    const made = eventOf(invocation, host.event);
    const event = made instanceof Promise ? await made : made;
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

/** A handler of `awslambda.streamifyResponse`: it writes its answer, and what it returns means nothing. */
export function streamingHandle(handler: UserFunction, host: HandlerHost): Handle {
  const contextOf = lambdaContexts(host);
  return async (invocation) => {
    const made = eventOf(invocation, host.event);
    const event = made instanceof Promise ? await made : made;
    if (event === null) return;
    const stream = new LambdaResponseStream(invocation);
    try {
      await handler(event, stream, contextOf(invocation));
    } catch (error) {
      stream.destroy();
      throw error;
    }
  };
}

/** A function of one plain object `{ method, path, headers, body, query }`. */
export function plainHandle(handler: UserFunction, host: HandlerHost): Handle {
  return async (invocation) => {
    const made = eventOf(invocation, host.event);
    const event = made instanceof Promise ? await made : made;
    if (event !== null) await sendResult(invocation, await handler(event));
  };
}

/** At once when there is no body to wait for: each promise that a request does not make is garbage less. */
function eventOf(
  invocation: Invocation,
  shape: EventShape,
): LambdaEvent | Promise<LambdaEvent | null> {
  const { head, body } = invocation;
  return body === null ? createLambdaEvent(head, null, shape) : readEvent(invocation, body, shape);
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
    if (invocation.head.scheme === EVENT_SCHEME) return postedEvent(bytes);
    return createLambdaEvent(invocation.head, bytes.length === 0 ? null : bytes, shape);
  }
  await refuseBody(invocation);
  return null;
}

/** What somebody posted to the API, which has checked that it is JSON. `null` counts as an event without anything. */
function postedEvent(bytes: Buffer): LambdaEvent {
  return (JSON.parse(bytes.toString()) as LambdaEvent | null) ?? {};
}

/** Makes each call's context; what is the same in all is made once. */
function lambdaContexts(host: HandlerHost): (invocation: Invocation) => LambdaContext {
  const shared = {
    memoryLimitInMB: String(host.memoryMib),
    invokedFunctionArn: `arn:fn:function:${host.functionName}:${host.version}`,
    logGroupName: `/fn/${host.functionName}`,
  };
  return (invocation) => new LambdaContext(invocation, host, shared);
}

class LambdaContext {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly memoryLimitInMB: string;
  readonly awsRequestId: string;
  readonly invokedFunctionArn: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  /** Frameworks set it; an answer here never waits for what else the event loop has. */
  callbackWaitsForEmptyEventLoop = false;
  readonly getRemainingTimeInMillis: () => number;
  readonly waitUntil: (promise: unknown) => void;
  readonly #invocation: Invocation;

  constructor(
    invocation: Invocation,
    host: HandlerHost,
    shared: { memoryLimitInMB: string; invokedFunctionArn: string; logGroupName: string },
  ) {
    this.functionName = host.functionName;
    this.functionVersion = host.version;
    this.memoryLimitInMB = shared.memoryLimitInMB;
    this.awsRequestId = invocation.head.requestId;
    this.invokedFunctionArn = shared.invokedFunctionArn;
    this.logGroupName = shared.logGroupName;
    this.logStreamName = host.deployment;
    this.getRemainingTimeInMillis = () =>
      Math.max(0, Math.round(host.timeoutMs - (performance.now() - invocation.startedAtMs)));
    this.waitUntil = host.waitUntil;
    this.#invocation = invocation;
  }

  /** Aborted when the client has gone or the time is up; AWS has nothing of the kind. */
  get signal(): AbortSignal {
    return this.#invocation.signal;
  }
}
