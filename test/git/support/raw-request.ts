import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { TOKEN } from './start-front.ts';

export interface RawAnswer {
  /** 0 when the connection closed without an answer. */
  status: number;
  head: string;
  body: string;
}

export interface RawRequest {
  method?: string;
  target: string;
  /** Whole header lines; those of the door and the token come on top unless they are given. */
  headers?: string[];
  body?: Uint8Array | string;
}

const AUTHORIZATION = `Authorization: ${basic(TOKEN)}`;
const PEER = ['X-Gitfn-Peer-Address: 127.0.0.1', 'X-Gitfn-Peer-Scheme: http'];
const ANSWER_MS = 50_000;

export function basic(token: string): string {
  return `Basic ${Buffer.from(`git:${token}`).toString('base64')}`;
}

/** Header lines of a request without any token. */
export function anonymous(...headers: string[]): string[] {
  return ['Host: localhost', ...PEER, ...headers];
}

/** Header lines of a request with the test's token. */
export function authorized(...headers: string[]): string[] {
  return anonymous(AUTHORIZATION, ...headers);
}

/** Opens a connection and writes the head of a request. */
export async function openRequest(socketPath: string, request: RawRequest): Promise<Socket> {
  const socket = connect(socketPath);
  await once(socket, 'connect');
  socket.on('error', () => {});
  const lines = request.headers ?? authorized();
  socket.write(
    `${request.method ?? 'GET'} ${request.target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`,
  );
  return socket;
}

/** Sends a request byte for byte and reads what comes back until the answer is whole. */
export async function rawRequest(socketPath: string, request: RawRequest): Promise<RawAnswer> {
  const body = request.body === undefined ? null : Buffer.from(request.body);
  const length = body === null ? [] : [`Content-Length: ${body.length}`];
  const headers = [...(request.headers ?? authorized()), ...length, 'Connection: close'];
  const socket = await openRequest(socketPath, { ...request, headers });
  if (body !== null && body.length > 0) socket.write(body);
  return readAnswer(socket);
}

/** Reads until the other end closes. */
export async function readAnswer(socket: Socket): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  const isTooLate = await Promise.race([
    new Promise<boolean>((resolve) => socket.once('close', () => resolve(false))),
    delay(ANSWER_MS, true, { ref: false }),
  ]);
  socket.destroy();
  if (isTooLate) throw new Error(`no whole answer: ${Buffer.concat(chunks).toString('latin1')}`);
  const text = Buffer.concat(chunks).toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const head = end === -1 ? text : text.slice(0, end);
  return { status: Number(head.split(' ', 2)[1] ?? 0), head, body: text.slice(end + 4) };
}

export function packet(payload: string | Uint8Array): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
}

const ZERO = '0'.repeat(40);

/** A command list that creates refs, with a flush at its end; no pack. */
export function commandList(refs: string[], sha: string, oldSha: string = ZERO): Buffer {
  const lines = refs.map((ref, index) => {
    const capabilities = index === 0 ? '\0 report-status side-band-64k agent=git/2.39' : '';
    return packet(`${oldSha} ${sha} ${ref}${capabilities}`);
  });
  return Buffer.concat([...lines, Buffer.from('0000')]);
}
