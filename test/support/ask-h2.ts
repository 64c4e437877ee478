/** One request on one connection of HTTP/2. */
import { once } from 'node:events';
import http2 from 'node:http2';

export interface H2Answer {
  status: number;
  /** As received, the pseudo-header fields left out. */
  headers: http2.IncomingHttpHeaders;
  trailers: http2.IncomingHttpHeaders;
  body: Buffer;
}

export interface H2Question {
  method?: string;
  path?: string;
  headers?: http2.OutgoingHttpHeaders;
  body?: string | Buffer;
}

const ANSWER_DEADLINE_MS = 30_000;

/** Trusts any certificate: which one is served is not what is asked here. */
export function connectH2(port: number, options: http2.SecureClientSessionOptions = {}) {
  const session = http2.connect(`https://127.0.0.1:${port}`, {
    rejectUnauthorized: false,
    servername: 'localhost',
    settings: { maxHeaderListSize: 128 * 1024 },
    ...options,
  });
  session.on('error', () => {}); // The request tells.
  return session;
}

export function openStream(
  session: http2.ClientHttp2Session,
  host: string,
  { method = 'GET', path = '/', headers, body }: H2Question = {},
): http2.ClientHttp2Stream {
  const head = { ':method': method, ':path': path, ':authority': host, ...headers };
  const stream = session.request(head, {
    endStream: body === undefined,
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
  });
  if (body !== undefined) stream.end(body);
  return stream;
}

/** Rejects when the stream ends before the answer does. */
export async function askOn(
  session: http2.ClientHttp2Session,
  host: string,
  question: H2Question = {},
): Promise<H2Answer> {
  return readAnswer(openStream(session, host, question));
}

export async function readAnswer(stream: http2.ClientHttp2Stream): Promise<H2Answer> {
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('trailers', (received) => void (trailers = received));
  const [received] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
  // Not by iteration, which takes a server that wants no more of the body for one that broke off.
  await once(stream, 'end');
  const { ':status': status, ...headers } = received;
  return { status: Number(status), headers, trailers, body: Buffer.concat(chunks) };
}

export async function askH2(
  port: number,
  host: string,
  question: H2Question = {},
): Promise<H2Answer> {
  const session = connectH2(port);
  try {
    return await askOn(session, host, question);
  } finally {
    session.close();
  }
}
