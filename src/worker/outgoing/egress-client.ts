/** The worker's end of protocol/egress-channel.ts. */
import type { Socket } from 'node:net';
import {
  CHANNEL_FRAME,
  type ConnectedTo,
  type ConnectTarget,
  MAX_CHANNEL_FRAME_BYTES,
  type Refusal,
} from '../../protocol/egress-channel.ts';
import { encodeFrame, type Frame, FrameDecoder } from '../../protocol/framing.ts';
import { RelayStream } from '../../protocol/relay-stream.ts';

export interface Connection extends ConnectedTo {
  relay: RelayStream;
}

export interface EgressClient {
  /** @throws what node:net would say of a connection that fails. */
  connect(target: ConnectTarget): Promise<Connection>;
  /** Addresses of a name. @throws what node:dns would say. */
  lookUp(host: string): Promise<string[]>;
  /** The answer to a DNS message, as one. @throws when there is none */
  ask(query: Buffer): Promise<Buffer>;
}

interface Waiting {
  resolve(payload: Buffer): void;
  reject(error: Error): void;
}

interface ClientHost {
  /** The way out is gone for good. */
  closed(): void;
  /** For the log of the app. */
  warn(text: string): void;
}

export function createEgressClient(socket: Socket, host: ClientHost): EgressClient {
  const waiting = new Map<number, Waiting>();
  const relays = new Map<number, RelayStream>();
  let lastStream = 0;

  const decoder = new FrameDecoder(receive, MAX_CHANNEL_FRAME_BYTES);
  socket.on('data', (chunk: Buffer) => {
    try {
      decoder.push(chunk);
    } catch {
      socket.destroy(); // What follows could be taken for anything.
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    const error = refusal({ code: 'ENETDOWN', message: 'connect ENETDOWN' });
    for (const question of waiting.values()) question.reject(error);
    for (const relay of relays.values()) relay.reset('the way out of the sandbox has closed');
    waiting.clear();
    host.closed();
  });
  socket.unref();

  function send(type: number, stream: number, payload: string | Uint8Array): void {
    if (!socket.destroyed) socket.write(encodeFrame(type, stream, payload));
  }

  function receive({ type, stream, payload }: Frame): void {
    const relay = relays.get(stream);
    switch (type) {
      case CHANNEL_FRAME.OPENED:
      case CHANNEL_FRAME.FOUND:
      case CHANNEL_FRAME.ANSWER:
        return waiting.get(stream)?.resolve(Buffer.from(payload));
      case CHANNEL_FRAME.REFUSED:
        return waiting.get(stream)?.reject(refusal(JSON.parse(payload.toString()) as Refusal));
      case CHANNEL_FRAME.NOTICE:
        return host.warn(payload.toString());
      case CHANNEL_FRAME.DATA:
        if (relay?.receive(payload) === false) socket.destroy();
        return;
      case CHANNEL_FRAME.CREDIT:
        if (relay?.credit(payload.readUInt32BE(0)) === false) socket.destroy();
        return;
      case CHANNEL_FRAME.END:
        return relay?.ended();
      default:
        return relay?.reset('the connection broke');
    }
  }

  /** Holds the event loop while it waits, as a question to the system would. */
  async function request(type: number, stream: number, payload: string | Buffer): Promise<Buffer> {
    send(type, stream, payload);
    if (socket.destroyed) throw refusal({ code: 'ENETDOWN', message: 'connect ENETDOWN' });
    socket.ref();
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        waiting.set(stream, { resolve, reject });
      });
    } finally {
      waiting.delete(stream);
      if (waiting.size === 0) socket.unref();
    }
  }

  return {
    async connect(target) {
      const stream = ++lastStream;
      const relay = new RelayStream((type, payload) => send(type, stream, payload));
      relay.on('error', () => {}); // Whoever uses it hears of its close.
      relay.once('close', () => relays.delete(stream));
      relays.set(stream, relay);
      try {
        const answer = await request(CHANNEL_FRAME.OPEN, stream, JSON.stringify(target));
        const { address } = JSON.parse(answer.toString()) as ConnectedTo;
        return { relay, address };
      } catch (error) {
        relay.reset('refused');
        throw error;
      }
    },
    async lookUp(name) {
      const answer = await request(CHANNEL_FRAME.LOOKUP, ++lastStream, name);
      return JSON.parse(answer.toString()) as string[];
    },
    ask: (query) => request(CHANNEL_FRAME.QUERY, ++lastStream, query),
  };
}

function refusal({ code, message }: Refusal): Error {
  return Object.assign(new Error(message), { code, errno: code });
}
