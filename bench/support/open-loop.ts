/**
 * An open loop: requests at times that were fixed beforehand, by a process of its own. What has to wait, for a free
 * connection or for its turn in the client, counts from when it was due (no coordinated omission): a slow server is
 * not asked less.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Phase } from './arrivals.ts';
import { percentile } from './statistics.ts';
import type { LoadTarget } from './wrk.ts';

export interface OpenLoopTarget extends LoadTarget {
  path?: string;
  /** Of the Authorization header. */
  authorization?: string;
}

export interface OpenLoopPlan {
  phases: readonly Phase[];
  /** Opened before the first request; each carries one at a time. */
  connections: number;
  /**
   * How late an answer may be noticed: 0.03 unless told. Shorter than that takes half a core of the machine that is
   * measured; 0.3 takes a twentieth.
   */
  napMs?: number;
}

/** What became of each request: a column for each fact, in the order in which they were due. */
export interface Outcomes {
  /** After the start. */
  dueMs: Float64Array;
  /** From when it was due until it was written: how late the client was, connections that were all taken included. */
  lateMs: Float64Array;
  /** From when it was due until its answer's last byte; NaN without an answer. */
  tookMs: Float64Array;
  /** 0 without an answer: the connection broke, or the deadline passed. */
  status: Uint16Array;
  /** 1 for an answer with Retry-After. */
  hasRetryAfter: Uint8Array;
}

export interface OpenLoop {
  run(target: OpenLoopTarget, plan: OpenLoopPlan): Promise<Outcomes>;
  close(): Promise<void>;
}

const CLIENT = join(import.meta.dirname, 'open-loop-client.ts');

/** Starts the client. It compiles its code with the first run: warm it up like the server. */
export async function startOpenLoop(): Promise<OpenLoop> {
  const child = spawn(process.execPath, [CLIENT], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced', // Typed arrays as they are.
  });
  await reply(child);
  return {
    run: async (target, plan) => {
      child.send({ target, plan });
      return (await reply(child)) as Outcomes;
    },
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

async function reply(child: ChildProcess): Promise<unknown> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error('the client of the open loop has ended');
  });
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal }), ended])) as [
      unknown,
    ];
    return message;
  } finally {
    ended.catch(() => {}); // It is aborted now.
    waiting.abort();
  }
}

/** Times, from when they were due, of the requests that were due in this part and were answered with this status. */
export function tookMsOf(
  { dueMs, tookMs, status }: Outcomes,
  wanted: { status: number; fromMs?: number; untilMs?: number },
): number[] {
  const { fromMs = 0, untilMs = Infinity } = wanted;
  const found: number[] = [];
  for (const [index, due] of dueMs.entries()) {
    const isMeant = due >= fromMs && due < untilMs && status[index] === wanted.status;
    if (isMeant) found.push(tookMs[index] ?? NaN);
  }
  return found;
}

/** How late 99 of 100 requests left the client at most. A client that is itself late measures itself. */
export function clientLatenessMs({ lateMs }: Outcomes): number {
  return percentile([...lateMs], 99);
}
