/**
 * A proxy on the sandbox's own loopback, for what cannot have its connections sent through the channel by
 * outgoing.ts: processes that the function starts, in whatever language. One port speaks SOCKS5 and HTTP; which, the
 * first byte says. Names go on unresolved, and everything is decided at the other end of the channel: this end is as
 * much the function's as its client is, and only keeps a broken client from harming the function.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type ConnectTarget, MAX_CHANNEL_STREAMS } from '../../protocol/egress-channel.ts';
import type { Connection, EgressClient } from './egress-client.ts';
import { joinStreams } from '../output/join-streams.ts';
import { isLoopback } from './loopback.ts';
import {
  httpError,
  MAX_PROXY_HEAD_BYTES,
  ProxyRefusal,
  type Read,
  readHttpRequest,
  readSocksGreeting,
  readSocksRequest,
  SOCKS_REPLY,
  SOCKS_VERSION,
  socksGreetingReply,
  socksReply,
} from './proxy-request.ts';

/** From its connection until a client has said where to. */
const HEAD_DEADLINE_MS = 10_000;
/** For reading why it was refused. */
const FAREWELL_MS = 2_000;
const TUNNEL_OPEN = 'HTTP/1.1 200 Connection established\r\n\r\n';

/** Takes the sockets of a listener. */
export function createProxy(client: Pick<EgressClient, 'connect'>): (socket: Socket) => void {
  let connections = 0;
  return (socket) => {
    if (connections >= MAX_CHANNEL_STREAMS) {
      socket.destroy(); // More could not be opened at the other end.
      return;
    }
    connections += 1;
    socket.unref(); // The process that uses it holds the event loop.
    socket.on('error', () => {});
    const deadline = setTimeout(() => socket.destroy(), HEAD_DEADLINE_MS).unref();
    socket.once('close', () => {
      clearTimeout(deadline);
      connections -= 1;
    });
    serve(socket, client, () => clearTimeout(deadline)).catch((error: unknown) => {
      if (error instanceof ProxyRefusal) socket.end(error.answer);
      else socket.destroy();
      // What it still says is of no use, and would have the answer lost if it stayed unread.
      socket.resume();
      setTimeout(() => socket.destroy(), FAREWELL_MS).unref();
    });
  };
}

async function serve(
  socket: Socket,
  client: Pick<EgressClient, 'connect'>,
  understood: () => void,
): Promise<void> {
  const version = await take(socket, (bytes) => ({ value: bytes[0], bytes: 0 }));
  if (version === SOCKS_VERSION) {
    await take(socket, readSocksGreeting);
    socket.write(socksGreetingReply());
    const target = await take(socket, readSocksRequest);
    understood();
    const { relay } = await open(client, target, socksFailure);
    socket.write(socksReply(SOCKS_REPLY.OPEN));
    return joinStreams(socket, relay);
  }
  const { target, head } = await take(socket, readHttpRequest);
  understood();
  const { relay } = await open(client, target, httpFailure);
  if (head === null) socket.write(TUNNEL_OPEN);
  else relay.write(Buffer.from(head, 'latin1'));
  joinStreams(socket, relay);
}

/** Reads what `read` understands and leaves what follows. @throws when the client ends before, or says too much. */
async function take<Value>(
  socket: Socket,
  read: (bytes: Buffer) => Read<Value> | null,
): Promise<Value> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) throw new Error('the client has ended');
      await once(socket, 'readable');
      continue;
    }
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const found = read(bytes);
    if (found !== null) {
      if (bytes.length > found.bytes) socket.unshift(bytes.subarray(found.bytes));
      return found.value;
    }
    if (bytes.length > MAX_PROXY_HEAD_BYTES) throw new Error('the client says too much');
  }
}

/** @throws ProxyRefusal as `failure` words it. */
async function open(
  client: Pick<EgressClient, 'connect'>,
  target: ConnectTarget,
  failure: (code: string, message: string) => Buffer,
): Promise<Connection> {
  const refuse = (code: string, message: string): ProxyRefusal =>
    new ProxyRefusal(message, failure(code, message));
  if (isLoopback(target.host)) {
    throw refuse('EACCES', `${target.host} is the sandbox's own: connect to it without a proxy`);
  }
  try {
    return await client.connect(target);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw refuse(code, message);
  }
}

const SOCKS_CODES: Record<string, number> = {
  EACCES: SOCKS_REPLY.NOT_ALLOWED,
  ENETDOWN: SOCKS_REPLY.NETWORK_UNREACHABLE,
  ENETUNREACH: SOCKS_REPLY.NETWORK_UNREACHABLE,
  EHOSTUNREACH: SOCKS_REPLY.HOST_UNREACHABLE,
  ENOTFOUND: SOCKS_REPLY.HOST_UNREACHABLE,
  ECONNREFUSED: SOCKS_REPLY.REFUSED,
  ETIMEDOUT: SOCKS_REPLY.TIMED_OUT,
};

function socksFailure(code: string): Buffer {
  return socksReply(SOCKS_CODES[code] ?? SOCKS_REPLY.FAILED);
}

const HTTP_STATUSES: Record<string, string> = {
  EACCES: '403 Forbidden',
  EMFILE: '503 Service Unavailable',
  ENETDOWN: '503 Service Unavailable',
  ETIMEDOUT: '504 Gateway Timeout',
};

function httpFailure(code: string, message: string): Buffer {
  return httpError(HTTP_STATUSES[code] ?? '502 Bad Gateway', message);
}
