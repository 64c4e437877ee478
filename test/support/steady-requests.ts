import { setTimeout as delay } from 'node:timers/promises';
import { ask } from './ask.ts';

export interface SteadyRequests {
  /** Every answer that was not the expected one, and every one that came too late. */
  readonly failures: string[];
  readonly asked: number;
  stop(): Promise<void>;
}

/** Far above what an answer takes on a machine that does everything else at once. */
const DEADLINE_MS = 10_000;
const PAUSE_MS = 20;

/** Asks an app again and again, one request at a time, until it is stopped. */
export function keepAsking(
  server: { port: number },
  label: string,
  expected: string,
): SteadyRequests {
  const failures: string[] = [];
  let asked = 0;
  const stopping = new AbortController();

  async function once(): Promise<void> {
    const begunAt = performance.now();
    try {
      const { status, body } = await ask(server, label);
      if (status !== 200 || body !== expected) failures.push(`${status} ${body}`);
    } catch (error) {
      failures.push(String(error));
    }
    const tookMs = performance.now() - begunAt;
    if (tookMs > DEADLINE_MS) failures.push(`after ${Math.round(tookMs)} ms`);
    asked += 1;
  }

  const asking = (async () => {
    while (!stopping.signal.aborted) {
      await once();
      await delay(PAUSE_MS);
    }
  })();
  return {
    failures,
    get asked() {
      return asked;
    },
    stop: async () => {
      stopping.abort();
      await asking;
    },
  };
}
