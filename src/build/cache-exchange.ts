/** The dependency cache's part of a conversation with one builder. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { BUILDER_FRAME } from '../protocol/builder.ts';
import { encodeFrame, type Frame } from '../protocol/framing.ts';
import type { CacheWriter, DependencyCache } from './dependency-cache.ts';

export interface CacheExchange {
  /** Takes a CACHE frame; false when it breaks the protocol. */
  receive(frame: Frame): boolean;
  /** Resolves when what was stored has its name; what the builder did not finish is removed. */
  close(): Promise<void>;
}

interface CacheExchangeOptions {
  cache: DependencyCache;
  appId: string;
  /** The keys that the builder was told. */
  offered: readonly string[];
  socket: Duplex;
}

const KEY = /^[0-9a-f]{64}$/;
/** What was made of an installation, and the two parts of its archive, of which the second is seldom wanted. */
const MAX_READS = 3;
/** An installation, and what was made of it. */
const MAX_WRITES = 2;

export function createCacheExchange(options: CacheExchangeOptions): CacheExchange {
  const { cache, appId, offered, socket } = options;
  let reads = 0;
  let isSending = false;
  let writing: Promise<CacheWriter> | null = null;
  let writes = 0;
  /** Each step waits for the one before, so that chunks keep their order. */
  let work: Promise<void> = Promise.resolve();
  const then = (step: () => Promise<void>): void => {
    work = work.then(step).catch(() => {}); // A cache that is not kept costs the next build its time.
  };

  async function sendCache(key: string): Promise<void> {
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    const stored = await cache.open(appId, key);
    try {
      for await (const chunk of (stored ?? []) as AsyncIterable<Buffer>) {
        if (socket.destroyed) return;
        if (socket.write(encodeFrame(BUILDER_FRAME.CACHE, 0, chunk))) continue;
        await once(socket, 'drain', { signal: gone.signal });
      }
    } catch {
      // What the builder has of it does not unpack, and it installs.
    }
    isSending = false;
    if (!socket.destroyed) socket.write(encodeFrame(BUILDER_FRAME.CACHE_END, 0, ''));
  }

  function keepChunk(chunk: Buffer): void {
    const target = writing;
    if (target === null) return;
    // Chunks that come faster than the disk takes them wait in the builder, not here.
    socket.pause();
    then(async () => {
      try {
        const writer = await target;
        if (!writer.write(chunk)) await writer.drained();
      } finally {
        socket.resume();
      }
    });
  }

  function receive({ type, payload }: Frame): boolean {
    switch (type) {
      case BUILDER_FRAME.CACHE_GET: {
        const key = payload.toString();
        if (isSending || reads >= MAX_READS || !offered.includes(key)) return false;
        reads += 1;
        isSending = true;
        void sendCache(key);
        return true;
      }
      case BUILDER_FRAME.CACHE_PUT: {
        const key = payload.toString();
        if (writing !== null || writes >= MAX_WRITES || !KEY.test(key)) return false;
        writes += 1;
        writing = cache.write(appId, key);
        writing.catch(() => {}); // Told to whoever waits for it.
        return true;
      }
      case BUILDER_FRAME.CACHE:
        if (writing === null || payload.length === 0) return false;
        keepChunk(Buffer.from(payload));
        return true;
      case BUILDER_FRAME.CACHE_END: {
        const target = writing;
        if (target === null) return false;
        writing = null;
        then(async () => (await target).commit());
        return true;
      }
      default:
        return false;
    }
  }

  return {
    receive,
    close: async () => {
      const unfinished = writing;
      writing = null;
      if (unfinished !== null) then(async () => (await unfinished).abort());
      await work;
    },
  };
}
