import http from 'node:http';
import { percentile } from './statistics.ts';
import type { LoadTarget } from './wrk.ts';

export interface PacedResult {
  p50Ms: number;
  p99Ms: number;
  failures: number;
}

export interface Pace {
  perSecond: number;
  seconds: number;
}

const ANSWER_DEADLINE_MS = 10_000;

/**
 * Requests at fixed times, whatever becomes of those before: what waits counts from when it should have been sent, as
 * it would for a client who does not know that the server is slow.
 */
export async function runPaced(target: LoadTarget, pace: Pace): Promise<PacedResult> {
  const agent = new http.Agent({ keepAlive: true });
  const startsAt = performance.now();
  const total = pace.perSecond * pace.seconds;
  const pending: Promise<number | null>[] = [];
  for (let index = 0; index < total; index++) {
    const dueAt = startsAt + (index * 1_000) / pace.perSecond;
    const waitMs = dueAt - performance.now();
    if (waitMs > 0) await new Promise((wake) => setTimeout(wake, waitMs));
    pending.push(ask(target, agent, dueAt));
  }
  const results = await Promise.all(pending);
  agent.destroy();
  const latencies = results.filter((ms) => ms !== null);
  return {
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    failures: total - latencies.length,
  };
}

/** Null when it was not answered with 200. */
function ask({ port, host }: LoadTarget, agent: http.Agent, dueAt: number): Promise<number | null> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(ANSWER_DEADLINE_MS);
    const request = http.get({ host: '127.0.0.1', port, headers: { host }, agent, signal });
    request.on('error', () => resolve(null));
    request.on('response', (response) => {
      response.resume();
      response.on('error', () => resolve(null));
      response.on('end', () =>
        resolve(response.statusCode === 200 ? performance.now() - dueAt : null),
      );
    });
  });
}
