import http from 'node:http';
import { onTestFinished } from 'vitest';
import { listen } from './listen.ts';

export interface ApiRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface ApiReply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Plays a provider's HTTP interface for one test; resolves to its URL. A text is sent as it is, all else as JSON. */
export async function playApi(answer: (request: ApiRequest) => ApiReply): Promise<string> {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://api');
      const reply = answer({
        method: request.method ?? '',
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      });
      response.writeHead(reply.status, reply.headers);
      const { body = '' } = reply;
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  const port = await listen(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${port}/`;
}
