import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { BUILDER_FRAME, type NetTarget } from '../../protocol/builder.ts';
import { encodeFrame, type Frame } from '../../protocol/framing.ts';
import { RelayStream } from '../../protocol/relay-stream.ts';

/** What a builder may ask of control while it works. */
export interface BuilderServices {
  /** Takes the frames of protocol/builder.ts that bring answers; false for any other. */
  receive(frame: Frame): boolean;
  /** A connection to a package registry. @throws Error with the reason for the pusher. */
  connect(target: NetTarget): Promise<RelayStream>;
  /** The stored cache of one of BuildStart.caches; nothing when it could not be read. A few times at most. */
  readCache(key: string): Readable;
  /** Stores one after the other, two at most. */
  writeCache(key: string, chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void>;
  /** Says what runs from now on. */
  tellActivity: (text: string) => void;
}

interface OpenStream {
  relay: RelayStream;
  settle: { resolve(relay: RelayStream): void; reject(error: Error): void };
}

const EMPTY = Buffer.alloc(0);

export function createBuilderServices(socket: Socket): BuilderServices {
  const streams = new Map<number, OpenStream>();
  let cache: { stream: PassThrough; ended: PromiseWithResolvers<void> } | null = null;
  let lastStream = 0;

  const send = (type: number, stream: number, payload: string | Uint8Array): boolean =>
    socket.write(encodeFrame(type, stream, payload));

  function receiveNet({ type, stream, payload }: Frame): void {
    const open = streams.get(stream);
    if (open === undefined) return; // Given up on this end a moment ago.
    const { relay, settle } = open;
    switch (type) {
      case BUILDER_FRAME.NET_OPENED:
        return settle.resolve(relay);
      case BUILDER_FRAME.NET_REFUSED:
        relay.reset('refused');
        return settle.reject(new Error(payload.toString()));
      case BUILDER_FRAME.NET_DATA:
        return void relay.receive(payload);
      case BUILDER_FRAME.NET_CREDIT:
        return void relay.credit(payload.readUInt32BE(0));
      case BUILDER_FRAME.NET_END:
        return relay.ended();
      default:
        return relay.reset('the connection broke');
    }
  }

  return {
    receive: (frame) => {
      const { type } = frame;
      if (type >= BUILDER_FRAME.NET_OPENED && type <= BUILDER_FRAME.NET_RESET) receiveNet(frame);
      else if (type === BUILDER_FRAME.CACHE_END) {
        cache?.stream.end();
        cache?.ended.resolve();
        socket.resume(); // As after the source: see channel.ts.
      } else if (type !== BUILDER_FRAME.CACHE) return false;
      else if (cache?.stream.write(Buffer.from(frame.payload)) === false) socket.pause();
      return true;
    },
    connect: (target) => {
      const stream = ++lastStream;
      const relay = new RelayStream((type, payload) => void send(type, stream, payload));
      const { promise, ...settle } = Promise.withResolvers<RelayStream>();
      streams.set(stream, { relay, settle });
      relay.on('error', () => {}); // Whoever uses it hears of its close.
      relay.once('close', () => streams.delete(stream));
      send(BUILDER_FRAME.NET_OPEN, stream, JSON.stringify(target));
      return promise;
    },
    readCache: (key) => {
      const before = cache?.ended.promise ?? Promise.resolve();
      const stream = new PassThrough();
      stream.on('drain', () => socket.resume());
      const ask = (): void => {
        cache = { stream, ended: Promise.withResolvers() };
        send(BUILDER_FRAME.CACHE_GET, 0, key);
      };
      void before.then(ask);
      return stream;
    },
    writeCache: async (key, chunks) => {
      send(BUILDER_FRAME.CACHE_PUT, 0, key);
      for await (const chunk of chunks) {
        if (chunk.length > 0 && !send(BUILDER_FRAME.CACHE, 0, chunk)) await once(socket, 'drain');
      }
      send(BUILDER_FRAME.CACHE_END, 0, EMPTY);
    },
    tellActivity: (text) => void send(BUILDER_FRAME.ACTIVITY, 0, text),
  };
}
