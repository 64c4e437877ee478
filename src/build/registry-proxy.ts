/**
 * The only way out of a build: connections to the package registries that the operator configured. A builder names a
 * host and a port; this end decides, resolves the name itself, and connects to the very address that it has checked,
 * so that no later answer of a name server changes where the bytes go.
 */
import net, { isIP } from 'node:net';
import { type LookupAddress, promises as dns } from 'node:dns';
import { classifyAddress } from '../std/ip-address.ts';
import { isReachablePublic } from '../model/egress-rule.ts';
import {
  BUILDER_FRAME,
  MAX_NET_BYTES,
  MAX_NET_STREAMS,
  type NetTarget,
} from '../protocol/builder.ts';
import { formatBytes } from '../protocol/display.ts';
import type { Frame } from '../protocol/framing.ts';
import { endWithSocket, RelayStream } from '../protocol/relay-stream.ts';
import { ownAddresses } from '../std/own-addresses.ts';

export interface AllowedRegistry {
  /** With its path, as clients are told. */
  url: string;
  /** Where it stands, when the operator says so; otherwise its name must resolve to a public address. */
  address: string | null;
}

export interface RegistryProxyOptions {
  registries: readonly AllowedRegistry[];
  send: (type: number, stream: number, payload: Uint8Array) => void;
  /** One line for the pusher. */
  say: (line: string) => void;
  /** A test has name servers of its own. */
  resolve?: Resolve;
}

type Resolve = (host: string) => Promise<LookupAddress[]>;

export interface RegistryProxy {
  /** Takes a NET frame; false when it breaks the protocol. */
  receive(frame: Frame): boolean;
  /** Ends all connections. */
  close(): void;
}

const CONNECT_DEADLINE_MS = 15_000;
/** A pusher wants to know by then what is waited for. */
const SILENCE_MS = 10_000;
/** A registry that says nothing for so often in a row is not going to. */
const MAX_SILENCES = 9;
const MAX_HOST_CHARACTERS = 253;
/** A script can ask thousands of times; the first refusals say what there is to say. */
const MAX_REFUSALS_TOLD = 5;

interface Endpoint {
  host: string;
  port: number;
  /** The address to connect to without asking anybody. */
  address: string | null;
}

export function createRegistryProxy(options: RegistryProxyOptions): RegistryProxy {
  const endpoints = options.registries.map(endpointOf);
  const names = [...new Set(endpoints.map(({ host }) => host))].join(', ');
  const resolve = shareLookups(options.resolve ?? resolveAll);
  const streams = new Map<number, RelayStream>();
  const told = new Set<string>();
  let lastStream = 0;
  let bytes = 0;
  let isClosed = false;

  function tell(line: string): void {
    if (told.has(line) || told.size >= MAX_REFUSALS_TOLD) return;
    told.add(line);
    options.say(line);
  }

  function refuse(stream: number, reason: string): void {
    tell(reason);
    options.send(BUILDER_FRAME.NET_REFUSED, stream, Buffer.from(reason));
  }

  /** False when the build has had all the bytes that it may have. */
  function count(more: number): boolean {
    bytes += more;
    if (bytes <= MAX_NET_BYTES) return true;
    tell(`the build was cut off from the registry after ${formatBytes(MAX_NET_BYTES)}`);
    for (const relay of streams.values()) relay.destroy();
    return false;
  }

  async function open(stream: number, target: NetTarget): Promise<void> {
    const name = target.host.includes(':') ? `[${target.host}]` : target.host;
    const asked = `the build asked for ${name}:${target.port}`;
    const endpoint = endpoints.find(
      ({ host, port }) => host === target.host.toLowerCase() && port === target.port,
    );
    if (endpoint === undefined) return refuse(stream, `${asked}: builds reach ${names} only`);
    if (streams.size >= MAX_NET_STREAMS) {
      return refuse(stream, `${asked}: more than ${MAX_NET_STREAMS} connections at a time`);
    }
    if (bytes > MAX_NET_BYTES) return refuse(stream, `${asked}: it has had all that it may`);
    const relay = new RelayStream((type, payload) => {
      if (type !== BUILDER_FRAME.NET_DATA || count(payload.length)) {
        options.send(type, stream, payload);
      }
    });
    streams.set(stream, relay);
    relay.on('error', () => {});
    const opened = await connectTo(endpoint, resolve);
    if (typeof opened !== 'string' && !isClosed && !relay.destroyed) {
      relay.once('close', () => streams.delete(stream));
      options.send(BUILDER_FRAME.NET_OPENED, stream, Buffer.alloc(0));
      const onSilence = (): void =>
        tell(
          `${name}:${target.port} has been asked, and has not answered for ${SILENCE_MS / 1000} s`,
        );
      return join(relay, opened, onSilence);
    }
    // It has counted until now, given up or not: a build could have any number of connections on their way otherwise.
    streams.delete(stream);
    if (typeof opened !== 'string') opened.destroy();
    else if (!isClosed) refuse(stream, `${asked}: ${opened}`);
  }

  function receive({ type, stream, payload }: Frame): boolean {
    if (type === BUILDER_FRAME.NET_OPEN) {
      const target = parseTarget(payload);
      if (target === null || stream <= lastStream) return false;
      lastStream = stream;
      void open(stream, target);
      return true;
    }
    if (stream === 0 || stream > lastStream) return false;
    const relay = streams.get(stream);
    switch (type) {
      case BUILDER_FRAME.NET_DATA:
        if (!count(payload.length)) return true;
        return relay?.receive(payload) ?? true;
      case BUILDER_FRAME.NET_CREDIT:
        if (payload.length !== 4) return false;
        return relay?.credit(payload.readUInt32BE(0)) ?? true;
      case BUILDER_FRAME.NET_END:
        relay?.ended();
        return true;
      case BUILDER_FRAME.NET_RESET:
        relay?.reset('the build gave the connection up');
        return true;
      default:
        return false;
    }
  }

  return {
    receive,
    close: () => {
      isClosed = true;
      for (const relay of streams.values()) relay.destroy();
    },
  };
}

/** Host and port of a registry's URL, the host as a client names it in CONNECT. */
function endpointOf({ url, address }: AllowedRegistry): Endpoint {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const literal = isIP(host) === 0 ? null : host;
  const usual = protocol === 'https:' ? 443 : 80;
  return { host, port: port === '' ? usual : Number(port), address: address ?? literal };
}

function parseTarget(payload: Buffer): NetTarget | null {
  try {
    const { host, port } = JSON.parse(payload.toString()) as Partial<NetTarget>;
    const isSound =
      typeof host === 'string' &&
      host.length <= MAX_HOST_CHARACTERS &&
      typeof port === 'number' &&
      Number.isInteger(port) &&
      port > 0 &&
      port < 65_536;
    return isSound ? { host, port } : null;
  } catch {
    return null;
  }
}

function resolveAll(host: string): Promise<LookupAddress[]> {
  return dns.lookup(host, { all: true });
}

/** Connections that begin together share one look-up: each would take one of the few threads that files need as well. */
function shareLookups(resolve: Resolve): Resolve {
  const asked = new Map<string, Promise<LookupAddress[]>>();
  return (host) => {
    const found = asked.get(host) ?? resolve(host).finally(() => asked.delete(host));
    asked.set(host, found);
    return found;
  };
}

/** A socket to the endpoint, or why there is none. */
async function connectTo(
  { host, port, address }: Endpoint,
  resolve: Resolve,
): Promise<net.Socket | string> {
  if (address !== null) return connect({ host: address, port });
  let found: LookupAddress[];
  try {
    found = await resolve(host);
  } catch (error) {
    return `its name cannot be resolved (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
  }
  const own = ownAddresses();
  // All of them, not any: whoever mixes private ones in wants exactly that they are taken some day.
  const isSafe = found.every(
    (entry) => isReachablePublic(entry.address, own) || isStandIn(entry.address, own),
  );
  if (found.length === 0 || !isSafe) {
    return 'its name leads to an address that builds do not reach';
  }
  // One after the other, should the first be out of reach: nobody is asked for the name again.
  return connect({ host, port, lookup: (_host, _options, done) => done(null, found) });
}

/** Nobody's on the internet: closed networks give their mirrors such addresses, and nothing else has one. */
function isStandIn(address: string, own: ReadonlySet<string>): boolean {
  return classifyAddress(address) === 'documentation' && !own.has(address);
}

function connect(
  target: Pick<net.TcpNetConnectOpts, 'host' | 'port' | 'lookup'>,
): Promise<net.Socket | string> {
  return new Promise((settle) => {
    const socket = net.connect({ ...target, allowHalfOpen: true, autoSelectFamily: true });
    socket.setTimeout(CONNECT_DEADLINE_MS);
    const fail = (reason: string): void => {
      socket.destroy();
      settle(`it does not answer (${reason})`);
    };
    const onTimeout = (): void => fail('timeout');
    socket.once('timeout', onTimeout);
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once('connect', () => {
      socket.off('timeout', onTimeout);
      socket.setTimeout(SILENCE_MS);
      settle(socket);
    });
  });
}

/** Bytes go both ways until both ends are through, or one of them breaks. */
function join(relay: RelayStream, socket: net.Socket, onSilence: () => void): void {
  let isAsked = false;
  let silences = 0;
  const hear = (end: 'build' | 'registry') => (): void => {
    isAsked = end === 'build';
    silences = 0;
  };
  relay.on('data', hear('build'));
  socket.on('data', hear('registry'));
  socket.on('timeout', () => {
    if (isAsked) onSilence();
    silences += 1;
    if (silences === MAX_SILENCES) socket.destroy();
  });
  endWithSocket(relay, socket);
  relay.on('close', () => socket.destroy());
  socket.pipe(relay);
  relay.pipe(socket);
}
