/**
 * The outer end of a sandbox that has no network: makes its connections for it, to addresses that were checked here,
 * so that no later answer of a name server changes where the bytes go.
 */
import net from 'node:net';
import type { EgressPolicy } from '../model/egress-rule.ts';
import { MAX_QUERY_BYTES } from '../protocol/dns-over-tcp.ts';
import {
  CHANNEL_FRAME,
  type ConnectTarget,
  MAX_CHANNEL_FRAME_BYTES,
  MAX_CHANNEL_STREAMS,
  type Refusal,
} from '../protocol/egress-channel.ts';
import { encodeFrame, type Frame, FrameDecoder } from '../protocol/framing.ts';
import { RelayStream } from '../protocol/relay-stream.ts';
import { answerMessage } from './answer-message.ts';
import type { AnswerDeps } from './answer-query.ts';
import type { SandboxShare } from './app-shares.ts';
import type { Clock } from '../std/clock.ts';
import { type Holding, holdingOf } from './byte-bound.ts';
import { connectTo } from './connect.ts';
import { createDestinations, notFound } from './destinations.ts';
import { relayConnection } from './relay-connection.ts';

interface ChannelDeps extends AnswerDeps {
  share: SandboxShare;
  clock: Pick<Clock, 'after'>;
}

interface Connection {
  relay: RelayStream;
  /** Of what it received. */
  held: Holding;
}

const MAX_HOST_CHARACTERS = 253;
/** Of a sandbox that has more to read, nothing is read: what it asks would only be answered behind all that. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** Of an app that sends no more, connections whose other ends took nothing for so long are ended. */
const STALL_DEADLINE_MS = 60_000;

/** As TCP has it. */
const MAX_ANSWER_BYTES = 65_535;
const BEGINNINGS: ReadonlySet<number> = new Set([
  CHANNEL_FRAME.OPEN,
  CHANNEL_FRAME.LOOKUP,
  CHANNEL_FRAME.QUERY,
]);

const NOT_TAKEN =
  'What this app sends waits: the other ends of its connections do not take what was sent before.';

/** Serves the sandbox until its socket closes. */
export function serveChannel(socket: net.Socket, policy: EgressPolicy, deps: ChannelDeps): void {
  const { share, clock } = deps;
  const destinations = createDestinations(policy, deps);
  /** Null is a question, or a connection that is on its way. */
  const streams = new Map<number, Connection | null>();
  const backlog = holdingOf(share.sent);
  let lastStream = 0;

  const send = (type: number, stream: number, payload: string | Uint8Array): void => {
    if (socket.destroyed) return;
    const frame = encodeFrame(type, stream, payload);
    backlog.take(frame.length);
    socket.write(frame, () => backlog.give(frame.length));
  };

  function refuse(stream: number, refusal: Refusal): void {
    streams.delete(stream);
    send(CHANNEL_FRAME.REFUSED, stream, JSON.stringify(refusal));
  }

  /** For the app's log; its code may have no eye for how a connection failed. */
  function tell(text: string): void {
    if (share.app.shallTell()) send(CHANNEL_FRAME.NOTICE, 0, text);
  }

  /** It has counted from its beginning: a sandbox could have any number of connections on their way otherwise. */
  async function open(stream: number, target: ConnectTarget): Promise<void> {
    const { connections } = share.app;
    const text = connections.take();
    if (text !== null) {
      tell(`Connections are refused: ${text}.`);
      return refuse(stream, { code: 'EMFILE', message: `connect EMFILE: ${text}` });
    }
    const addresses = await destinations.addressesOf(target);
    const made = Array.isArray(addresses) ? await connectTo(addresses, target.port) : addresses;
    if (!(made instanceof net.Socket)) {
      connections.give();
      return refuse(stream, made);
    }
    made.once('close', () => connections.give());
    if (socket.destroyed || !streams.has(stream)) return void made.destroy();
    const relay = new RelayStream((type, payload) => send(type, stream, payload));
    const held = holdingOf(share.received);
    streams.set(stream, { relay, held });
    relay.once('close', () => {
      streams.delete(stream);
      held.end();
    });
    send(CHANNEL_FRAME.OPENED, stream, JSON.stringify({ address: made.remoteAddress ?? '' }));
    relayConnection(relay, made, { received: held, sent: share.sent });
  }

  async function answer(stream: number, host: string): Promise<void> {
    const found = await destinations.lookUp(host);
    if (found.length === 0) return refuse(stream, notFound(host));
    streams.delete(stream);
    send(CHANNEL_FRAME.FOUND, stream, JSON.stringify(found));
  }

  async function tellByDns(stream: number, query: Buffer): Promise<void> {
    const message = await answerMessage(query, destinations.resolve, () => MAX_ANSWER_BYTES);
    if (message === null) return refuse(stream, { code: 'EBADQUERY', message: 'no DNS query' });
    streams.delete(stream);
    send(CHANNEL_FRAME.ANSWER, stream, message);
  }

  /** What a frame that begins a stream asks for; null when it breaks the protocol. */
  function workOf({ type, stream, payload }: Frame): (() => Promise<void>) | null {
    if (type === CHANNEL_FRAME.QUERY) {
      const query = Buffer.from(payload); // What was passed in is used again.
      return query.length > MAX_QUERY_BYTES ? null : () => tellByDns(stream, query);
    }
    const text = payload.toString();
    const target = type === CHANNEL_FRAME.OPEN ? parseTarget(text) : { host: text, port: 1 };
    if (target === null || target.host.length > MAX_HOST_CHARACTERS) return null;
    return () => (type === CHANNEL_FRAME.OPEN ? open(stream, target) : answer(stream, target.host));
  }

  /** Nothing is too much to ask at a time but what has a bound. */
  async function begin(stream: number, work: () => Promise<void>): Promise<void> {
    if (streams.size >= MAX_CHANNEL_STREAMS) {
      const message = `connect EMFILE: more than ${MAX_CHANNEL_STREAMS} connections of one worker`;
      return refuse(stream, { code: 'EMFILE', message });
    }
    if (!share.begin()) {
      const text = 'too many connections and names are asked for a second';
      tell(`Connections are refused: ${text}.`);
      return refuse(stream, { code: 'EAI_AGAIN', message: `connect EAI_AGAIN: ${text}` });
    }
    streams.set(stream, null);
    await work().finally(() => share.done());
  }

  /** False when it breaks the protocol. */
  function receive(frame: Frame): boolean {
    const { type, stream, payload } = frame;
    if (BEGINNINGS.has(type)) {
      const work = stream > lastStream ? workOf(frame) : null;
      if (work === null) return false;
      lastStream = stream;
      void begin(stream, work);
      return true;
    }
    if (stream === 0 || stream > lastStream) return false;
    const connection = streams.get(stream);
    const relay = connection?.relay;
    switch (type) {
      case CHANNEL_FRAME.DATA:
        connection?.held.take(payload.length);
        return relay?.receive(payload) ?? true;
      case CHANNEL_FRAME.CREDIT:
        return payload.length === 4 && (relay?.credit(payload.readUInt32BE(0)) ?? true);
      case CHANNEL_FRAME.END:
        relay?.ended();
        return true;
      case CHANNEL_FRAME.RESET:
        relay?.reset('the sandbox gave the connection up');
        if (connection === null) streams.delete(stream);
        return true;
      default:
        return false;
    }
  }

  /** What is not read here stays with the sandbox. */
  function waitForRoom(): void {
    if (socket.writableLength > MAX_UNREAD_BYTES) {
      socket.pause();
      socket.once('drain', () => socket.resume());
    } else if (share.received.isFull()) {
      tell(NOT_TAKEN);
      socket.pause(); // Not even its end would be heard, but for the deadline.
      const cancelDeadline = clock.after(STALL_DEADLINE_MS, endStalled);
      share.received.whenRoom(() => {
        cancelDeadline();
        socket.resume();
      });
    }
  }

  function endStalled(): void {
    for (const connection of streams.values()) {
      if (connection?.held.isEmpty() === false) connection.relay.destroy();
    }
  }

  const decoder = new FrameDecoder((frame) => {
    if (!socket.destroyed && !receive(frame)) socket.destroy();
  }, MAX_CHANNEL_FRAME_BYTES);
  socket.on('data', (chunk: Buffer) => {
    try {
      decoder.push(chunk);
      waitForRoom();
    } catch {
      socket.destroy(); // A frame without end.
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    for (const connection of streams.values()) connection?.relay.destroy();
    backlog.end();
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
