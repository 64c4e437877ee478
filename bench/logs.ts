/**
 * The log, from a function's console.log to who follows it: how long a line takes, and what rate of lines is stored.
 * A line's time is from sending the request to reading the line from a tail that is open, so it has the request in it.
 */
import http from 'node:http';
import { once } from 'node:events';
import { startPlatform, type Platform } from '../test/support/platform.ts';
import { DeployedApp } from './support/deployed-app.ts';
import type { BenchResult } from './support/result.ts';
import { median, percentile } from './support/statistics.ts';

const ROUNDS = 100;
const REST_MS = 150;
const APPS = 10;
const LINES_PER_REQUEST = 1_000;
const SECONDS = 20;
const SETTLE_MS = 5_000;
/** Each request prints as much as a function may in a second. */
const CODE = `export const handler = async (event) => {
  const [, text, count] = event.rawPath.split('/');
  for (let number = 0; number < Number(count); number++) {
    console.log(text, number, 'a line of about a hundred characters, as an application may print it many times');
  }
  return { statusCode: 200, body: text };
};\n`;

export async function benchLogs(): Promise<BenchResult> {
  await using platform = await startPlatform();
  const apps: DeployedApp[] = [];
  try {
    for (let number = 0; number < APPS; number++) {
      const app = await DeployedApp.create(platform, `logs-${number}`);
      apps.push(app);
      await app.commitCode(CODE, 'print');
      await app.push();
    }
    const times = await lineTimes(platform);
    const { stored, sent } = await storedLines(platform);
    return {
      name: 'logs',
      about: `a line from console.log to a tail, ${ROUNDS} lines; ${APPS} apps printing ${LINES_PER_REQUEST} lines a second each for ${SECONDS} s`,
      rows: [
        {
          name: 'line visible in a tail',
          columns: {
            measured: `${median(times).toFixed(0)} ms median, ${percentile(times, 95).toFixed(0)} ms p95`,
          },
        },
        {
          name: 'lines stored',
          columns: {
            measured: `${Math.round(stored / SECONDS)} a second, ${((100 * stored) / sent).toFixed(0)} % of those printed`,
          },
        },
      ],
    };
  } finally {
    for (const app of apps) await app.dispose();
  }
}

async function lineTimes(platform: Platform): Promise<number[]> {
  const waiting = new Map<string, () => void>();
  const tail = await get(platform, 'localhost', '/apps/logs-0/logs?tail=true&search=line');
  let rest = '';
  tail.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((text) => text !== '')) {
      const { text } = JSON.parse(line) as { text: string };
      waiting.get(text.split(' ')[0] ?? '')?.();
    }
  });
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const name = `round-${round}`;
    const seen = new Promise<void>((resolve) => waiting.set(name, resolve));
    const beganAt = performance.now();
    await print(platform, 0, `/${name}/1`);
    await seen;
    times.push(performance.now() - beganAt);
  }
  tail.destroy();
  return times;
}

async function storedLines(platform: Platform): Promise<{ stored: number; sent: number }> {
  const before = await lastIds(platform);
  for (let second = 0; second < SECONDS; second++) {
    const nextAt = performance.now() + 1_000;
    await Promise.all(
      Array.from({ length: APPS }, (_, app) =>
        print(platform, app, `/second-${second}/${LINES_PER_REQUEST}`),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, nextAt - performance.now())));
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  // All entries have one numbering: what was stored meanwhile is the difference.
  return { stored: (await lastIds(platform)) - before, sent: SECONDS * APPS * LINES_PER_REQUEST };
}

/** The highest id of any app's entries. */
async function lastIds(platform: Platform): Promise<number> {
  const ids: number[] = [];
  for (let app = 0; app < APPS; app++) {
    const response = await get(platform, 'localhost', `/apps/logs-${app}/logs?limit=1`);
    const { items } = JSON.parse(await textOf(response)) as { items: { id: string }[] };
    ids.push(Number(items[0]?.id ?? 0));
  }
  return Math.max(...ids);
}

async function print(platform: Platform, app: number, path: string): Promise<void> {
  const response = await get(platform, `logs-${app}.localhost`, path);
  await textOf(response);
  if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode}`);
}

async function get(platform: Platform, host: string, path: string): Promise<http.IncomingMessage> {
  const request = http.get({
    host: '127.0.0.1',
    port: platform.port,
    path,
    headers: { host, authorization: `Bearer ${platform.adminToken}` },
  });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return response;
}

async function textOf(response: http.IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}
