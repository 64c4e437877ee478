/**
 * The outer end of a sandbox that has no network: makes its connections for it, to addresses that were checked here,
 * so that no later answer of a name server changes where the bytes go.
 */
import net from 'node:net';
import {
  allowsConnection,
  canonicalAddress,
  type EgressPolicy,
  normaliseName,
} from '../model/egress-rule.ts';
import {
  CHANNEL_FRAME,
  type ConnectTarget,
  MAX_CHANNEL_FRAME_BYTES,
  MAX_CHANNEL_STREAMS,
  type Refusal,
} from '../protocol/egress-channel.ts';
import { encodeFrame, type Frame, FrameDecoder } from '../protocol/framing.ts';
import { endWithSocket, RelayStream } from '../protocol/relay-stream.ts';
import { parseIpAddress } from '../std/ip-address.ts';
import { answerQuery, type AnswerDeps } from './answer-query.ts';
import { connectTo } from './connect.ts';
import { addressOf, DNS_TYPE } from './dns-message.ts';
import type { SlotLimits } from './slots.ts';

interface ChannelDeps extends AnswerDeps {
  limits: SlotLimits;
}

/** How many addresses are remembered with the name that a rule has; the oldest goes. */
const MAX_REMEMBERED = 256;
const MAX_HOST_CHARACTERS = 253;
/** By which mail servers talk among themselves, and by which a stolen function would send spam. */
const MAIL_PORT = 25;
/** What waits for a sandbox that does not read; credit bounds it in a correct one. */
const MAX_BACKLOG_BYTES = 64 * 1024 * 1024;

/** Serves the sandbox until its socket closes. */
export function serveChannel(socket: net.Socket, policy: EgressPolicy, deps: ChannelDeps): void {
  const streams = new Map<number, RelayStream | null>();
  /** By address, the name of a rule that it was told for. */
  const told = new Map<string, string>();
  let lastStream = 0;

  const send = (type: number, stream: number, payload: string | Uint8Array): void => {
    if (socket.destroyed) return;
    socket.write(encodeFrame(type, stream, payload));
    if (socket.writableLength > MAX_BACKLOG_BYTES) socket.destroy();
  };

  async function lookUp(name: string): Promise<string[]> {
    const found = await Promise.all(
      [DNS_TYPE.A, DNS_TYPE.AAAA].map((type) =>
        answerQuery({ name, type }, policy, { ...deps, open: () => Promise.resolve(true) }),
      ),
    );
    const addresses = found.flatMap(({ answers }) => answers.flatMap((r) => addressOf(r) ?? []));
    for (const address of addresses) remember(canonicalAddress(address), name);
    return addresses;
  }

  function remember(address: string, name: string): void {
    told.delete(address);
    told.set(address, name);
    const [oldest] = told.keys();
    if (told.size > MAX_REMEMBERED && oldest !== undefined) told.delete(oldest);
  }

  /** Addresses to try in turn, or why there is none. */
  async function addressesOf({ host, port }: ConnectTarget): Promise<string[] | Refusal> {
    const isAddress = parseIpAddress(host) !== null;
    const name = isAddress ? null : normaliseName(host);
    if (!isAddress && name === null) return notFound(host);
    const found = name === null ? [canonicalAddress(host)] : await lookUp(name);
    if (found.length === 0) return notFound(host);
    const own = deps.ownAddresses();
    const publicAllowed = policy.publicAllowed && port !== MAIL_PORT;
    const allowed = found.filter((address) =>
      allowsConnection(
        { ...policy, publicAllowed },
        { name: name ?? told.get(address) ?? null, address, port },
        own,
      ),
    );
    return allowed.length > 0 ? allowed : refusedBy(host, port);
  }

  async function open(stream: number, target: ConnectTarget): Promise<void> {
    const addresses = await addressesOf(target);
    const made = Array.isArray(addresses) ? await connectTo(addresses, target.port) : addresses;
    // It has counted until now: a sandbox could have any number of connections on their way otherwise.
    if (!(made instanceof net.Socket)) {
      streams.delete(stream);
      return send(CHANNEL_FRAME.REFUSED, stream, JSON.stringify(made));
    }
    if (socket.destroyed || !streams.has(stream)) return void made.destroy();
    const relay = new RelayStream((type, payload) => send(type, stream, payload));
    streams.set(stream, relay);
    relay.once('close', () => streams.delete(stream));
    send(CHANNEL_FRAME.OPENED, stream, JSON.stringify({ address: made.remoteAddress ?? '' }));
    join(relay, made);
  }

  async function answer(stream: number, host: string): Promise<void> {
    const name = normaliseName(host);
    const found = name === null ? [] : await lookUp(name);
    streams.delete(stream);
    if (found.length > 0) send(CHANNEL_FRAME.FOUND, stream, JSON.stringify(found));
    else send(CHANNEL_FRAME.REFUSED, stream, JSON.stringify(notFound(host)));
  }

  /** Nothing is too much to ask at a time but what has a bound. */
  async function begin(stream: number, work: () => Promise<void>): Promise<void> {
    if (streams.size >= MAX_CHANNEL_STREAMS || !deps.limits.begin()) {
      const message = `more than ${MAX_CHANNEL_STREAMS} connections at a time, or too many a second`;
      return send(CHANNEL_FRAME.REFUSED, stream, JSON.stringify({ code: 'EMFILE', message }));
    }
    streams.set(stream, null);
    await work().finally(() => deps.limits.done());
  }

  /** False when it breaks the protocol. */
  function receive({ type, stream, payload }: Frame): boolean {
    if (type === CHANNEL_FRAME.OPEN || type === CHANNEL_FRAME.LOOKUP) {
      if (stream <= lastStream) return false;
      lastStream = stream;
      const text = payload.toString();
      const target = type === CHANNEL_FRAME.OPEN ? parseTarget(text) : { host: text, port: 1 };
      if (target === null || target.host.length > MAX_HOST_CHARACTERS) return false;
      void begin(stream, () =>
        type === CHANNEL_FRAME.OPEN ? open(stream, target) : answer(stream, target.host),
      );
      return true;
    }
    if (stream === 0 || stream > lastStream) return false;
    const relay = streams.get(stream);
    switch (type) {
      case CHANNEL_FRAME.DATA:
        return relay?.receive(payload) ?? true;
      case CHANNEL_FRAME.CREDIT:
        return payload.length === 4 && (relay?.credit(payload.readUInt32BE(0)) ?? true);
      case CHANNEL_FRAME.END:
        relay?.ended();
        return true;
      case CHANNEL_FRAME.RESET:
        relay?.reset('the sandbox gave the connection up');
        if (relay === null) streams.delete(stream);
        return true;
      default:
        return false;
    }
  }

  const decoder = new FrameDecoder((frame) => {
    if (!socket.destroyed && !receive(frame)) socket.destroy();
  }, MAX_CHANNEL_FRAME_BYTES);
  socket.on('data', (chunk: Buffer) => {
    try {
      decoder.push(chunk);
    } catch {
      socket.destroy(); // A frame without end.
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    for (const relay of streams.values()) relay?.destroy();
  });
}

function parseTarget(text: string): ConnectTarget | null {
  try {
    const { host, port } = JSON.parse(text) as Partial<ConnectTarget>;
    const isPort = typeof port === 'number' && Number.isInteger(port) && port > 0 && port < 65_536;
    return typeof host === 'string' && isPort ? { host, port } : null;
  } catch {
    return null;
  }
}

function notFound(host: string): Refusal {
  return { code: 'ENOTFOUND', message: `getaddrinfo ENOTFOUND ${host}` };
}

function refusedBy(host: string, port: number): Refusal {
  const message = `connect EACCES ${host}:${port}: functions of this server may not connect there`;
  return { code: 'EACCES', message };
}

/** Bytes go both ways until both ends are through, or one of them breaks. */
function join(relay: RelayStream, socket: net.Socket): void {
  relay.on('error', () => {});
  socket.on('timeout', () => socket.destroy());
  endWithSocket(relay, socket);
  relay.on('close', () => socket.destroy());
  socket.pipe(relay);
  relay.pipe(socket);
}
