import http from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export const TOKEN = 'fn_test_token';

interface Seen {
  method: string;
  url: string;
  host: string;
  body: string;
}

export interface StubControl {
  url: string;
  /** What was asked, in order. */
  seen: Seen[];
}

/** `GET /whoami` → status and JSON; undefined JSON for no content. */
type Answers = Record<string, { status?: number; json?: unknown; hangs?: true }>;

/** A server that answers as the control API does, from a table. */
export async function startStubControl(
  answers: Answers,
  headers: Record<string, string> = {},
): Promise<StubControl> {
  const seen: Seen[] = [];
  const server = http.createServer((request, response) => {
    void answer(request, response);
  });

  async function answer(request: http.IncomingMessage, response: http.ServerResponse) {
    const { method = '', url = '', headers: sent } = request;
    seen.push({ method, url, host: sent.host ?? '', body: await text(request) });
    const found =
      sent.authorization === `Bearer ${TOKEN}` ? answers[`${method} ${url}`] : unauthenticated;
    const { status = 200, json, hangs = false } = found ?? notFound;
    if (hangs) return;
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(json === undefined ? undefined : JSON.stringify(json));
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://localhost:${port}`, seen };
}

const unauthenticated: Answers[string] = {
  status: 401,
  json: {
    status: 401,
    code: 'unauthenticated',
    detail: 'the token is not valid',
    hint: 'ask for a new one',
  },
};
const notFound: Answers[string] = {
  status: 404,
  json: { status: 404, code: 'not-found', detail: 'there is no such thing' },
};
