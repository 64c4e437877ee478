/** Deploys under load: every request is answered, and none by an old version once its deploy was reported. */
import http from 'node:http';
import { once } from 'node:events';
import { startPlatform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import type { BenchResult } from './support/result.ts';

const DEPLOYS = 50;
const CLIENTS = 16;

interface Tally {
  requests: number;
  failures: number;
  stale: number;
}

export async function benchSwap(): Promise<BenchResult> {
  await using platform = await startPlatform();
  const app = await DeployedApp.create(platform, 'swap');
  const tally: Tally = { requests: 0, failures: 0, stale: 0 };
  const released = { order: new Map<string, number>(), newest: -1 };
  const stopping = new AbortController();
  try {
    await deploy(app, released, 0);
    const clients = Array.from({ length: CLIENTS }, () =>
      keepAsking(
        { port: platform.port, host: app.host },
        { tally, released, signal: stopping.signal },
      ),
    );
    for (let number = 1; number <= DEPLOYS; number++) await deploy(app, released, number);
    stopping.abort();
    await Promise.all(clients);
  } finally {
    stopping.abort();
    await app.dispose();
  }
  return {
    name: 'swap',
    about: `${DEPLOYS} deploys, ${CLIENTS} clients asking without a pause`,
    rows: [{ name: 'gitfn', columns: { deploys: DEPLOYS, ...tally } }],
  };
}

interface Released {
  order: Map<string, number>;
  /** The newest deploy that git has reported. */
  newest: number;
}

async function deploy(app: DeployedApp, released: Released, number: number): Promise<void> {
  const commit = await app.commit(`deploy ${number}`);
  released.order.set(commit, number);
  await app.push();
  released.newest = number;
}

async function keepAsking(
  target: { port: number; host: string },
  run: { tally: Tally; released: Released; signal: AbortSignal },
): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const { tally, released, signal } = run;
  while (!signal.aborted) {
    const newestBefore = released.newest;
    tally.requests++;
    try {
      const request = http.get({
        host: '127.0.0.1',
        port: target.port,
        headers: { host: target.host },
        agent,
      });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      response.resume();
      await once(response, 'end');
      const commit = String(response.headers['x-fn-commit']);
      if (response.statusCode !== 200) tally.failures++;
      else if ((released.order.get(commit) ?? -1) < newestBefore) tally.stale++;
    } catch {
      tally.failures++; // A connection that broke is an answer that was not given.
    }
  }
  agent.destroy();
}
