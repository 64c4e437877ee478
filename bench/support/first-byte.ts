import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { LoadTarget } from './wrk.ts';

const DEADLINE_MS = 30_000;
const agent = new http.Agent({ keepAlive: true });

/** Milliseconds from a request to the first byte of its answer, on a connection that was kept when there is one. */
export async function timeToFirstByteMs({ port, host }: LoadTarget): Promise<number> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const beganAt = performance.now();
  const request = http.get({ host: '127.0.0.1', port, headers: { host }, agent, signal });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const elapsedMs = performance.now() - beganAt;
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200) throw new Error(`${host}:${port}: ${response.statusCode}`);
  return elapsedMs;
}

/** The same from the start of a connection over TLS that is made for it. */
export async function timeFromHandshakeMs({ port, host }: LoadTarget): Promise<number> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const beganAt = performance.now();
  const request = https.get({
    host: '127.0.0.1',
    port,
    servername: host,
    headers: { host },
    rejectUnauthorized: false,
    agent: false,
    signal,
  });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const elapsedMs = performance.now() - beganAt;
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200) throw new Error(`${host}:${port}: ${response.statusCode}`);
  return elapsedMs;
}
