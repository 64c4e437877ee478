import { setTimeout as delay } from 'node:timers/promises';
import type { LogEntry, Operations } from '../../../protocol/control-client.generated.ts';
import { ERROR_TABLE, PlatformError } from '../../../protocol/errors.ts';
import { LineSplitter } from '../../../protocol/line-splitter.ts';
import type { ControlClient } from '../../server/control-client.ts';

/** Which entries of a log are meant. */
export type LogQuery = NonNullable<Operations['listLogs']['input']['query']>;

/** The server says something every 10 s. */
const SILENCE_MS = 30_000;
/** More than any entry has. */
const MAX_LINE_BYTES = 1024 * 1024;
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;
/** Before all entries. */
const BEGINNING = '0';

interface Follow {
  /** Path and query of a tail. */
  path(query: LogQuery): string;
  query: LogQuery;
  onEntry(entry: LogEntry): void;
  /** Something that a person wants to know, but that is no part of the log. */
  onNotice(text: string): void;
}

/**
 * Follows a log for ever. When the connection is lost, or the server restarts, it goes on behind the last entry that
 * it has: nothing is missed and nothing told twice.
 * @throws PlatformError when the first connection fails, or the server refuses a later one
 */
export async function followLog(client: ControlClient, follow: Follow): Promise<never> {
  let { query } = follow;
  let retryMs = FIRST_RETRY_MS;
  let isFirst = true;
  let isLost = false;
  const onOpen = (): void => {
    if (isLost) follow.onNotice('connected again');
    // Until something comes, whatever is found later is new.
    if (isFirst) query = { ...query, cursor: BEGINNING };
    isFirst = false;
    isLost = false;
  };
  for (;;) {
    try {
      await readOnce(client, follow.path(query), {
        onOpen,
        onEntry: (entry) => {
          query = { ...query, cursor: entry.id };
          retryMs = FIRST_RETRY_MS;
          follow.onEntry(entry);
        },
      });
    } catch (error) {
      if (isFirst || isFinal(error)) throw error;
    }
    if (!isLost) follow.onNotice('the connection was lost; trying again');
    isLost = true;
    await delay(retryMs);
    retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
  }
}

async function readOnce(
  client: ControlClient,
  path: string,
  { onOpen, onEntry }: { onOpen: () => void; onEntry: (entry: LogEntry) => void },
): Promise<void> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const stream = await client.open(path, silence.signal);
    onOpen();
    const splitter = new LineSplitter(MAX_LINE_BYTES);
    stream.on('data', (chunk: Buffer) => {
      timer.refresh();
      let found = splitter.take(chunk);
      for (; found !== null; found = splitter.take(found.rest)) {
        if (found.line !== '') onEntry(JSON.parse(found.line) as LogEntry);
      }
    });
    // However it ends, the next connection goes on where this one was; a torn line is no line.
    await new Promise<void>((resolve) => void stream.on('error', () => {}).once('close', resolve));
  } finally {
    clearTimeout(timer);
  }
}

/** Trying again would not help. */
function isFinal(error: unknown): boolean {
  return !(error instanceof PlatformError) || !ERROR_TABLE[error.code].retryable;
}
