/**
 * Which of the usual conventions a module follows, decided once, before its first call, from what it exports and what
 * it registered while it loaded. The order matters: a module may match several.
 */
import { isCallable, isClass, isFunction, isObject } from './handlers.ts';
import type { Handle, HandlerHost, UserFunction } from './handlers.ts';
import { lambdaHandle, plainHandle, streamingHandle } from './lambda-handler.ts';
import { isStreaming } from './lambda-stream.ts';
import type { LoadedModule } from '../load-bundle.ts';
import { nodeHandle, type NodeListener } from './node-handler.ts';
import { helpedHandle } from './node-helpers.ts';
import type { Registrations } from './registrations.ts';
import {
  entrypointHandle,
  fetchHandle,
  methodsHandle,
  serveHandle,
  WEB_METHODS,
  webHandle,
} from './web-handlers.ts';

export interface FoundHandler {
  convention: string;
  handle: Handle;
}

/** What a module can be searched for. */
export interface Exports {
  namespace: Record<string, unknown>;
  /** `default`, or `module.exports`. */
  module: unknown;
  isCommonJs: boolean;
  registrations: Registrations;
  /** The name that fn.json or FUNCTION_TARGET gives. */
  target: string | null;
  host: HandlerHost;
}

type Finder = (exports: Exports) => Promise<Handle | null> | Handle | null;

/** In the order in which they are tried. */
const FINDERS: [convention: string, find: Finder][] = [
  ['methods', findMethods],
  ['fetch', findFetch],
  ['lambda', findLambda],
  ['node', findHttpFunction],
  ['server', findServer],
  ['web', findServed],
  ['node', findNode],
  ['web', findWeb],
  ['plain', findPlain],
];

/** What fn.json's `convention` allows, where more is meant than what would be found out. */
const FORCED: Record<string, Finder> = {
  methods: findMethods,
  fetch: findFetch,
  lambda: (exports) => findLambda(exports) ?? forced(exports, lambdaOf),
  node: (exports) =>
    findHttpFunction(exports) ?? forced(exports, (handler) => nodeFunction(handler, exports)),
  server: findServer,
  web: (exports) => findServed(exports) ?? forced(exports, webHandle),
  plain: (exports) => forced(exports, plainHandle),
};

export function exportsOf(
  { namespace, target }: LoadedModule,
  registrations: Registrations,
  host: HandlerHost,
): Exports {
  return { ...unwrapDefault(namespace), namespace, registrations, host, target };
}

/** Null when there is nothing that can be called, or not what the function says it is. */
export async function findHandler(
  exports: Exports,
  convention: string | null,
): Promise<FoundHandler | null> {
  if (convention !== null) {
    const find = Object.hasOwn(FORCED, convention) ? FORCED[convention] : undefined;
    const handle = find === undefined ? null : await find(exports);
    return handle === null ? null : { convention, handle };
  }
  for (const [name, find] of FINDERS) {
    const handle = await find(exports);
    if (handle !== null) return { convention: name, handle };
  }
  return null;
}

/** `default`, unwrapped once more where a compiler put an ES module's exports into `module.exports`. */
function unwrapDefault(namespace: Record<string, unknown>): Pick<Exports, 'module' | 'isCommonJs'> {
  // A bundler defines the exports of an ES module by getters; `default` of CommonJS is a plain value.
  const descriptor = Object.getOwnPropertyDescriptor(namespace, 'default');
  const outer = namespace['default'];
  if (isObject(outer) && outer['__esModule'] === true && 'default' in outer) {
    return { module: outer['default'], isCommonJs: false };
  }
  return { module: outer, isCommonJs: descriptor !== undefined && descriptor.get === undefined };
}

function findMethods({ namespace, host }: Exports): Handle | null {
  const methods = new Map<string, UserFunction>();
  for (const method of WEB_METHODS) {
    const exported = namespace[method];
    if (isFunction(exported)) methods.set(method, exported);
  }
  return methods.size === 0 ? null : methodsHandle(methods, host);
}

function findFetch({ module, host }: Exports): Handle | null {
  if (!isObject(module)) return null;
  if (isClass(module)) {
    const { prototype } = module as { prototype: unknown };
    if (isObject(prototype) && isFunction(prototype['fetch']))
      return entrypointHandle(module, host);
  }
  if (!isFunction(module['fetch'])) return null;
  return fetchHandle(module as { fetch: UserFunction }, host);
}

function findLambda({ namespace, module, host }: Exports): Handle | null {
  const handler = namespace['handler'] ?? (isObject(module) ? module['handler'] : undefined);
  return isFunction(handler) ? lambdaOf(handler, host) : null;
}

function lambdaOf(handler: UserFunction, host: HandlerHost): Handle {
  return isStreaming(handler) ? streamingHandle(handler, host) : lambdaHandle(handler, host);
}

/** Of several functions the one that is named; otherwise the only one. */
function findHttpFunction({ registrations, target, host }: Exports): Handle | null {
  const { httpFunctions } = registrations;
  const [only] = httpFunctions.size === 1 ? httpFunctions.values() : [];
  const handler = (target === null ? undefined : httpFunctions.get(target)) ?? only;
  return handler === undefined ? null : helpedHandle(handler, host, 'google');
}

function findServer({ registrations }: Exports): Handle | null {
  const { server } = registrations;
  return server === null ? null : serverHandle(server);
}

function serverHandle(server: NonNullable<Registrations['server']>): Handle {
  return nodeHandle((request, response) => {
    if (server.emit('request', request, response)) return;
    throw new Error('the server that listens has no listener for requests');
  }, server);
}

function findServed({ registrations }: Exports): Handle | null {
  return registrations.served === null ? null : serveHandle(registrations.served);
}

/** `(req, res)`, and applications of frameworks that were exported without listening. */
function findNode(exports: Exports): Promise<Handle> | Handle | null {
  const { module } = exports;
  if (isCallable(module)) {
    return module.length >= 2 ? nodeFunction(module, exports) : null;
  }
  return isObject(module) ? applicationHandle(module) : null;
}

function nodeFunction(handler: NodeListener, { host }: Exports): Handle {
  const isApplication = ['use', 'handle', 'listen'].some((name) => name in handler);
  return isApplication ? nodeHandle(handler) : helpedHandle(handler, host, 'vercel');
}

function applicationHandle(module: Record<string, unknown>): Promise<Handle> | Handle | null {
  const { callback, middleware, routing, ready, emit, listen } = module;
  if (isFunction(callback) && Array.isArray(middleware)) {
    return nodeHandle(callback.call(module) as NodeListener); // Koa
  }
  if (isFunction(routing) && isFunction(ready)) return fastifyHandle(module, { routing, ready });
  if (isFunction(emit) && isFunction(listen) && 'maxHeadersCount' in module) {
    return serverHandle(module as unknown as NonNullable<Registrations['server']>);
  }
  return null;
}

/** Its plugins load first; what they throw fails the start. */
async function fastifyHandle(
  module: unknown,
  { routing, ready }: { routing: UserFunction; ready: UserFunction },
): Promise<Handle> {
  await ready.call(module);
  return nodeHandle(routing.bind(module));
}

function findWeb({ module, isCommonJs, host }: Exports): Handle | null {
  return isCallable(module) && !isCommonJs ? webHandle(module, host) : null;
}

function findPlain({ module, isCommonJs, host }: Exports): Handle | null {
  return isCallable(module) && isCommonJs ? plainHandle(module, host) : null;
}

/** The one function that a module with a forced convention can mean, however many parameters it has. */
function forced(
  { namespace, module, host }: Exports,
  make: (handler: UserFunction, host: HandlerHost) => Handle,
): Handle | null {
  const named = namespace['handler'] ?? (isObject(module) ? module['handler'] : undefined);
  const handler = isCallable(module) ? module : named;
  return isCallable(handler) ? make(handler, host) : null;
}
