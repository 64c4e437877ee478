/**
 * Handlers that a module does not export but hands to somebody while it loads: to `http.Server.listen`, to
 * `Deno.serve`, to Google's functions-framework. The last two reach this by the names that the bundler puts in their
 * place (src/builder/platform-modules.ts).
 */
import type http from 'node:http';
import { isFunction, isObject, type UserFunction } from './handlers.ts';
import { pretendToListen } from './pretended-listen.ts';

export interface Registrations {
  /** The first one that listened. */
  readonly server: http.Server | null;
  readonly served: UserFunction | null;
  /** `functions.http(name, handler)`. */
  readonly httpFunctions: ReadonlyMap<string, UserFunction>;
  /** Names of what is called by events only. */
  readonly eventFunctions: ReadonlySet<string>;
  /** The body of events stays as it came: an adapter parses it itself. */
  readonly wantsRawBody: boolean;
}

export interface Registry {
  readonly registrations: Registrations;
  /** Modules that stand in for others, by the names that the bundler gives them. */
  readonly modules: Readonly<Record<string, unknown>>;
  /** Calls back, once, when something that can serve was registered. */
  whenServing(callback: () => void): void;
  /** Servers that listen from now on bind their sockets. */
  close(): void;
}

export function createRegistry(): Registry {
  const registrations = {
    server: null as http.Server | null,
    served: null as UserFunction | null,
    httpFunctions: new Map<string, UserFunction>(),
    eventFunctions: new Set<string>(),
    wantsRawBody: false,
  };
  let onServing = (): void => {};
  const stopPretending = pretendToListen((server) => {
    registrations.server ??= server;
    onServing();
  });
  const serve = (...parameters: unknown[]): object => {
    registrations.served ??= servedHandler(parameters);
    onServing();
    return denoServer();
  };
  const modules = {
    'fn:deno-serve': serve,
    'fn:functions-framework': functionsFramework(registrations, () => onServing()),
    get 'fn:raw-events'() {
      registrations.wantsRawBody = true;
      return {};
    },
  };
  return {
    registrations,
    modules,
    whenServing: (callback) => {
      onServing = () => {
        onServing = () => {};
        callback();
      };
    },
    close: stopPretending,
  };
}

/** `serve(handler)`, `serve(options, handler)`, `serve({ handler, … })`. */
function servedHandler(parameters: unknown[]): UserFunction {
  const [first, second] = parameters;
  if (isFunction(first)) return first;
  const handler = second ?? (isObject(first) ? first['handler'] : undefined);
  if (isFunction(handler)) return handler;
  throw new TypeError('Deno.serve was called without a handler');
}

function denoServer(): object {
  const finished = Promise.withResolvers<void>();
  return {
    finished: finished.promise,
    addr: { transport: 'tcp', hostname: '0.0.0.0', port: Number(process.env['PORT']) },
    shutdown: async () => finished.resolve(),
    ref: () => {},
    unref: () => {},
  };
}

/** The package's face. Its server is the platform; of CloudEvents only the name is kept, for the message. */
function functionsFramework(
  registrations: { httpFunctions: Map<string, UserFunction>; eventFunctions: Set<string> },
  onServing: () => void,
): object {
  const registerEvent = (name: string): void => void registrations.eventFunctions.add(name);
  return {
    http: (name: string, handler: unknown) => {
      if (!isFunction(handler)) throw new TypeError(`functions.http("${name}") has no handler`);
      registrations.httpFunctions.set(name, handler);
      onServing();
    },
    cloudEvent: registerEvent,
    event: registerEvent,
  };
}
