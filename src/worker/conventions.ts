/**
 * Which of the usual conventions a module follows, decided once, before its first call, from what it exports. The
 * order matters: a module may match several.
 */
import {
  fetchHandle,
  lambdaHandle,
  methodsHandle,
  plainHandle,
  WEB_METHODS,
  webHandle,
  type Handle,
  type HandlerHost,
} from './handlers.ts';
import type { Namespace } from './load-bundle.ts';

type UserFunction = (...parameters: unknown[]) => unknown;

export type Convention = 'methods' | 'fetch' | 'lambda' | 'web' | 'plain';

export interface FoundHandler {
  convention: Convention;
  handle: Handle;
}

/** Null when the module exports nothing that can be called. */
export function findHandler(namespace: Namespace, host: HandlerHost): FoundHandler | null {
  const { module, isCommonJs } = unwrapDefault(namespace);

  const methods = exportedMethods(namespace);
  if (methods.size > 0) return { convention: 'methods', handle: methodsHandle(methods) };

  if (isObject(module) && isFunction(module['fetch'])) {
    const target = module as { fetch: UserFunction };
    return { convention: 'fetch', handle: fetchHandle(target, host) };
  }

  const handler = namespace['handler'] ?? (isObject(module) ? module['handler'] : undefined);
  if (isFunction(handler)) return { convention: 'lambda', handle: lambdaHandle(handler, host) };

  if (!isFunction(module) || module.length >= 2) return null;
  return isCommonJs
    ? { convention: 'plain', handle: plainHandle(module, host) }
    : { convention: 'web', handle: webHandle(module) };
}

/** What the push says when there is none. */
export function noHandlerMessage(entry: string): string {
  return [
    `No handler found in ${entry}. It would be one of:`,
    '  export default (request) => new Response("hello")',
    '  export default { fetch(request, env, ctx) { … } }',
    '  export function GET(request) { … }',
    '  export const handler = async (event, context) => ({ statusCode: 200, body: "hello" })',
    '  module.exports = ({ method, path, headers, body, query }) => ({ status: 200, body: "hello" })',
  ].join('\n');
}

/** `default`, unwrapped once more where a compiler put an ES module's exports into `module.exports`. */
function unwrapDefault(namespace: Namespace): { module: unknown; isCommonJs: boolean } {
  // A bundler defines the exports of an ES module by getters; `default` of CommonJS is a plain value.
  const descriptor = Object.getOwnPropertyDescriptor(namespace, 'default');
  const outer = namespace['default'];
  if (isObject(outer) && outer['__esModule'] === true && 'default' in outer) {
    return { module: outer['default'], isCommonJs: false };
  }
  return { module: outer, isCommonJs: descriptor !== undefined && descriptor.get === undefined };
}

function exportedMethods(namespace: Namespace): Map<string, UserFunction> {
  const methods = new Map<string, UserFunction>();
  for (const method of WEB_METHODS) {
    const exported = namespace[method];
    if (isFunction(exported)) methods.set(method, exported);
  }
  return methods;
}

function isFunction(value: unknown): value is UserFunction {
  return typeof value === 'function';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null;
}
