/** How long after `fn env set` began production answers with the new value: no build, one warm worker, one swap. */
import http from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { DeployedApp } from './support/deployed-app.ts';
import type { BenchResult } from './support/result.ts';
import { median, spread } from './support/statistics.ts';
import { startPlatform } from '../test/support/platform.ts';

const ROUNDS = 20;
const POLL_MS = 5;
const DEADLINE_MS = 30_000;
/** What the last round stopped goes on draining; it must not cost the next one. */
const REST_MS = 500;
const CODE = 'export default () => new Response(process.env.ROUND ?? "none");\n';

interface Server {
  port: number;
  adminToken: string;
}

export async function benchEnvironment(): Promise<BenchResult> {
  await using platform = await startPlatform();
  const app = await DeployedApp.create(platform, 'bench');
  const setMs: number[] = [];
  const liveMs: number[] = [];
  try {
    await app.commitCode(CODE, 'first');
    await app.push();
    for (let round = 0; round < ROUNDS; round++) {
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      const value = `round ${round}`;
      const beganAt = performance.now();
      const setting = setValue(platform, value).then(() => performance.now() - beganAt);
      while ((await ask(platform)) !== value) {
        if (performance.now() - beganAt > DEADLINE_MS) throw new Error('it never came live');
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      liveMs.push(performance.now() - beganAt);
      setMs.push(await setting);
    }
  } finally {
    await app.dispose();
  }
  return {
    name: 'environment',
    about: `a change of the environment to its first answer, milliseconds, ${ROUNDS} rounds`,
    rows: [row('change to live', liveMs), row('change to the API’s answer', setMs)],
  };
}

function row(name: string, values: number[]): BenchResult['rows'][number] {
  return { name, columns: { 'median ms': median(values).toFixed(0), spread: spread(values) } };
}

async function setValue(server: Server, value: string): Promise<void> {
  const request = http.request({
    host: '127.0.0.1',
    port: server.port,
    method: 'PATCH',
    path: '/apps/bench/environment',
    headers: {
      host: 'localhost',
      authorization: `Bearer ${server.adminToken}`,
      'content-type': 'application/json',
    },
  });
  request.end(JSON.stringify({ set: [{ name: 'ROUND', value }] }));
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const answer = await text(response);
  if (response.statusCode !== 200) throw new Error(`set: ${response.statusCode} ${answer}`);
}

async function ask({ port }: Server): Promise<string> {
  const host = 'bench.localhost';
  const request = http.get({ host: '127.0.0.1', port, headers: { host }, agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return text(response);
}
