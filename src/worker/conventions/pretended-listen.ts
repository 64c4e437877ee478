/**
 * A server that listens inside of a worker has nobody to connect to it: requests come by frames. So `listen` binds
 * nothing while the function loads; all that the program sees of it is as ever, and the server is told to whoever
 * calls its `request` listeners.
 */
import type http from 'node:http';
import net from 'node:net';

/** For `address()` of a server that left the choice of a port to the system. */
const ANY_FREE_PORT = 8080;
const ANY_ADDRESS = '0.0.0.0';

interface Internals extends net.Server {
  _handle: object | null;
  _pipeName?: string;
}

interface ListenOptions {
  port?: unknown;
  host?: unknown;
  path?: unknown;
}

/** Until the returned function is called. */
export function pretendToListen(onListening: (server: http.Server) => void): () => void {
  const prototype = net.Server.prototype as { listen: (...parameters: never[]) => net.Server };
  const original = prototype.listen;
  prototype.listen = function (this: Internals, ...parameters: unknown[]) {
    const isOurs = isHttpServer(this) && this._handle === null;
    if (!isOurs) return original.apply(this, parameters as never[]);
    listen(this, parameters);
    onListening(this as unknown as http.Server);
    return this;
  };
  return () => {
    prototype.listen = original;
  };
}

/** Also one of HTTPS or HTTP/2: its listeners take the same requests. */
function isHttpServer(server: net.Server): boolean {
  return (
    server.listenerCount('request') > 0 ||
    server instanceof process.getBuiltinModule('node:http').Server
  );
}

function listen(server: Internals, parameters: unknown[]): void {
  const options = listenOptions(parameters);
  const callback = parameters.findLast((parameter) => typeof parameter === 'function');
  if (callback !== undefined) server.once('listening', callback as () => void);
  if (typeof options.path === 'string') server._pipeName = options.path;
  server._handle = pretendedHandle(options);
  process.nextTick(() => {
    if (server.listening) server.emit('listening');
  });
}

/** `(port, host?)`, `(path)` or `(options)`; what else Node takes stands for any port. */
function listenOptions([first, second]: unknown[]): ListenOptions {
  if (typeof first === 'object' && first !== null) return first;
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { path: first };
  return { port: first, host: second };
}

/** What Node's own `address`, `close`, `ref` and `unref` of a server ask of it. */
function pretendedHandle({ port, host, path }: ListenOptions): object {
  const address = typeof host === 'string' && host !== '' ? host : ANY_ADDRESS;
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  const sockname = { address, family, port: Number(port) || ANY_FREE_PORT };
  return {
    ...(typeof path !== 'string' && {
      getsockname: (out: object) => {
        Object.assign(out, sockname);
        return 0;
      },
    }),
    close: () => {},
    ref: () => {},
    unref: () => {},
    getAsyncId: () => 0,
  };
}
