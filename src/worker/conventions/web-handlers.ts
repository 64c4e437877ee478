/** Handlers of the web's own classes: a Request in, a Response out. */
import type { PathParameters } from '../../protocol/path-pattern.ts';
import type { Handle, HandlerHost, UserFunction } from './handlers.ts';
import type { Invocation } from '../invocation.ts';
import type { ParameterReader } from './path-parameters.ts';
import { sendResult } from './result.ts';
import { createIncomingRequest } from '../web/incoming-request.ts';

export const WEB_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** The second argument, as Next.js has it: `params` is a promise, and for older code its fields are there as well. */
interface RouteContext {
  params: Promise<Record<string, string>>;
  waitUntil: (promise: unknown) => void;
}

export function webHandle(handler: UserFunction, host: HandlerHost): Handle {
  const contextOf = routeContexts(host);
  return async (invocation) => {
    const result = await handler(createIncomingRequest(invocation), contextOf(invocation));
    await sendResult(invocation, result);
  };
}

/** `Deno.serve(handler)`: the second argument says whom the answer goes to. */
export function serveHandle(handler: UserFunction): Handle {
  return async (invocation) => {
    const remoteAddr = { transport: 'tcp', hostname: invocation.head.peer, port: 0 };
    const completed = Promise.withResolvers<void>();
    completed.promise.catch(() => {}); // Most handlers never look at it.
    try {
      const info = { remoteAddr, completed: completed.promise };
      await sendResult(invocation, await handler(createIncomingRequest(invocation), info));
      completed.resolve();
    } catch (error) {
      completed.reject(error);
      throw error;
    }
  };
}

/** `export default class { fetch(request) }`, of which Workers make an instance for each request. */
export function entrypointHandle(
  Entrypoint: new (...parameters: unknown[]) => object,
  host: HandlerHost,
): Handle {
  const { environment } = host;
  const ctx = executionContext(host);
  return async (invocation) => {
    const entrypoint = new Entrypoint(ctx, environment) as { fetch: UserFunction };
    const answer = await entrypoint.fetch(createIncomingRequest(invocation), environment, ctx);
    await sendResult(invocation, answer);
  };
}

/** `export default { fetch(request, env, ctx) }`. */
export function fetchHandle(target: { fetch: UserFunction }, host: HandlerHost): Handle {
  const { environment } = host;
  const ctx = executionContext(host);
  return async (invocation) => {
    const request = createIncomingRequest(invocation);
    await sendResult(invocation, await target.fetch(request, environment, ctx));
  };
}

function executionContext({ waitUntil }: HandlerHost) {
  return { waitUntil, passThroughOnException: () => {}, props: {} };
}

/** `export function GET(request)` and so on; HEAD is answered by GET when there is no HEAD. */
export function methodsHandle(
  methods: ReadonlyMap<string, UserFunction>,
  host: HandlerHost,
): Handle {
  const allowed = allowedMethods(methods);
  const contextOf = routeContexts(host);
  return async (invocation) => {
    const { method } = invocation.head;
    const handler = methods.get(method) ?? (method === 'HEAD' ? methods.get('GET') : undefined);
    if (handler === undefined) {
      await refuseMethod(invocation, allowed);
      return;
    }
    const result = await handler(createIncomingRequest(invocation), contextOf(invocation));
    await sendResult(invocation, result);
  };
}

function allowedMethods(methods: ReadonlyMap<string, UserFunction>): string[] {
  const isHeadByGet = methods.has('GET') && !methods.has('HEAD');
  return isHeadByGet ? [...methods.keys(), 'HEAD'] : [...methods.keys()];
}

async function refuseMethod(invocation: Invocation, allowed: string[]): Promise<void> {
  const allow: [string, string] = ['allow', allowed.join(', ')];
  const type: [string, string] = ['content-type', 'text/plain; charset=utf-8'];
  await invocation.reply(405, [allow, type], 'Method Not Allowed\n');
}

function routeContexts({
  waitUntil,
  event,
}: HandlerHost): (invocation: Invocation) => RouteContext {
  const { parameters } = event;
  if (parameters !== null) {
    return ({ head }) => ({ params: routeParameters(parameters, head.target), waitUntil });
  }
  const none = { params: Promise.resolve(Object.freeze({})), waitUntil };
  return () => none;
}

/** Names that a promise needs for itself are in its value only. */
function routeParameters(
  parameters: ParameterReader,
  target: string,
): Promise<Record<string, string>> {
  const found: PathParameters = parameters(target) ?? {};
  const params = Promise.resolve({ ...found });
  for (const [name, value] of Object.entries(found)) {
    if (!(name in params)) void Object.assign(params, { [name]: value });
  }
  return params;
}
