/**
 * Streams of log entries to who follows an app. Each reads from the database where it stands, whenever it is told of
 * news and its client has taken what it was sent: a slow client lags behind, costs no memory, and misses nothing.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { App } from '../../store/apps.ts';
import { lastLogId, type LogFilter, type StoredLogEntry } from '../../store/logs.ts';
import type { ApiDeps } from '../ports.ts';
import type { LogReader } from './log-reader.ts';
import { presentLogEntry } from './present.ts';

/** Read at once, or fewer when they are large. */
const PAGE = 200;
/** So that both ends, and what is between them, see that the other is there. */
const HEARTBEAT_MS = 10_000;
/** A client that takes nothing for so long is let go; it may come back with its cursor. */
const STALL_MS = 60_000;

interface LogStreamRequest {
  app: App;
  filter: LogFilter;
  /** The last entry that the client knows; null for one that wants the newest first. */
  after: string | null;
  /** How many of the newest it wants. */
  limit: number;
  format: 'events' | 'lines';
  /** Calls back when the client may not read any more, until the returned function is called. */
  watch(onEnd: () => void): () => void;
}

export interface LogStreams {
  /** Resolves when the stream has begun. @throws PlatformError before anything is sent */
  open(reply: FastifyReply, request: LogStreamRequest): Promise<void>;
  /** Ends all. */
  close(): void;
}

export function createLogStreams(
  { db, logFollowers, onBug }: ApiDeps,
  reader: LogReader,
): LogStreams {
  const closing = new AbortController();

  async function first({ app, filter, after, limit }: LogStreamRequest): Promise<Start> {
    if (after !== null) return { entries: [], position: after };
    const position = await lastLogId(db);
    const { entries } = await reader.newest(app.id, { filter, before: null, limit });
    return { entries: entries.toReversed(), position: later(position, entries[0]?.id) };
  }

  /** Until the client has gone, or `ending` is aborted. */
  async function send(
    response: ServerResponse,
    { app, filter, format }: LogStreamRequest,
    { start, news, ending }: { start: Start; news: News; ending: AbortSignal },
  ): Promise<void> {
    let { position } = start;
    await write(response, start.entries, { format, ending });
    while (!ending.aborted) {
      // Whatever matches up to here is found below, so the next look begins behind it.
      const reached = await lastLogId(db);
      const query = { filter, after: position, limit: PAGE };
      const { entries, isMore } = await reader.after(app.id, query);
      await write(response, entries, { format, ending });
      const last = entries.at(-1)?.id;
      if (!isMore) {
        position = later(reached, last);
        await news.wait();
      } else {
        position = last ?? position;
      }
    }
  }

  return {
    async open(reply, request) {
      const news = new News();
      const ended = new AbortController();
      const response = reply.raw;
      // Now already: whoever goes while the stream is being prepared would be followed for ever.
      response.on('close', () => ended.abort());
      if (response.closed) ended.abort();
      const unfollow = logFollowers.follow(request.app, {
        onNews: () => news.tell(),
        onEnd: () => ended.abort(),
      });
      let start: Start;
      try {
        start = await first(request);
      } catch (error) {
        unfollow();
        throw error;
      }
      reply.hijack();
      const ending = AbortSignal.any([ended.signal, closing.signal]);
      ending.addEventListener('abort', () => news.tell());
      response.writeHead(200, headersOf(request.format));
      response.flushHeaders();
      const heartbeat = setInterval(
        () => response.write(request.format === 'events' ? ':\n\n' : '\n'),
        HEARTBEAT_MS,
      );
      const unwatch = request.watch(() => ended.abort());
      send(response, request, { start, news, ending })
        .catch((error: unknown) => {
          // The database went away; the client comes back with its cursor.
          if (!ending.aborted) onBug(error, 'log stream');
        })
        .finally(() => {
          clearInterval(heartbeat);
          unwatch();
          unfollow();
          response.end();
        });
    },
    close: () => closing.abort(),
  };
}

interface Start {
  /** Oldest first. */
  entries: StoredLogEntry[];
  position: string;
}

/** Remembers that there is something new until somebody asks. */
class News {
  #isThere = false;
  #wake: (() => void) | null = null;

  tell(): void {
    this.#isThere = true;
    this.#wake?.();
  }

  async wait(): Promise<void> {
    if (!this.#isThere) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = null;
    this.#isThere = false;
  }
}

async function write(
  response: ServerResponse,
  entries: readonly StoredLogEntry[],
  { format, ending }: { format: 'events' | 'lines'; ending: AbortSignal },
): Promise<void> {
  for (const entry of entries) {
    if (ending.aborted) return;
    const json = JSON.stringify(presentLogEntry(entry));
    const text = format === 'events' ? `id: ${entry.id}\ndata: ${json}\n\n` : `${json}\n`;
    if (response.write(text)) continue;
    const stalled = AbortSignal.timeout(STALL_MS);
    await once(response, 'drain', { signal: AbortSignal.any([ending, stalled]) }).catch(
      () => response.destroy(), // It has gone, or takes nothing any more.
    );
  }
}

function headersOf(format: 'events' | 'lines'): Record<string, string> {
  return {
    'content-type': format === 'events' ? 'text/event-stream' : 'application/x-ndjson',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
}

function later(one: string, other: string | undefined): string {
  return other !== undefined && BigInt(other) > BigInt(one) ? other : one;
}
