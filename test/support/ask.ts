import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { once } from 'node:events';

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

interface AskOptions {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

const ANSWER_DEADLINE_MS = 30_000;

/** Asks `<label>.localhost` of a platform on loopback; an empty label is the control host. */
export async function ask(
  server: { port: number },
  label: string,
  options: AskOptions = {},
): Promise<Answer> {
  const host = label === '' ? 'localhost' : `${label}.localhost`;
  const request = http.request({
    host: '127.0.0.1',
    port: server.port,
    method: options.method ?? 'GET',
    path: options.path ?? '/',
    headers: { host: `${host}:${server.port}`, ...options.headers },
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
    agent: false,
  });
  request.end(options.body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const body = (await buffer(response)).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}
