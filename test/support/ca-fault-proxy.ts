/**
 * Stands in front of Pebble and does to its answers what authorities do on a bad day: hangs, resets, refuses, lies. It
 * rewrites the directory so that all goes by way of it.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import type { Pebble } from './pebble.ts';

/** What of the protocol a request belongs to; `order` and `authz` are asked again and again. */
export type AcmeStep =
  | 'directory'
  | 'nonce'
  | 'account'
  | 'newOrder'
  | 'order'
  | 'authz'
  | 'challenge'
  | 'finalize'
  | 'certificate'
  | 'renewalInfo';

export type Fault =
  | { kind: 'hang' }
  | { kind: 'reset' }
  | { kind: 'answer'; status: number; headers?: Record<string, string>; body?: string }
  /** Passed on, and then the connection breaks: the authority has done it, and nobody hears of it. */
  | { kind: 'lost-answer' }
  | { kind: 'rewrite'; body: (body: string) => string; headers?: Record<string, string> };

export interface CaFaultProxy {
  directory: string;
  /** Asked for each request; null lets it through. */
  fault: (step: AcmeStep) => Fault | null;
  /** Each request, in order. */
  steps: AcmeStep[];
  /** What was said to newOrder, without its signature. */
  orders: Record<string, unknown>[];
  /** Answers of renewalInfo (RFC 9773), which Pebble 2.4 has not; null: it is not offered. */
  renewalInfo: ((certificate: string) => object) | null;
  close(): void;
}

/** Pebble's own paths. */
const STEPS: [RegExp, AcmeStep][] = [
  [/^\/dir/, 'directory'],
  [/nonce/, 'nonce'],
  [/^\/(sign-me-up|my-account)/, 'account'],
  [/^\/order-plz/, 'newOrder'],
  [/^\/my-order/, 'order'],
  [/^\/authZ/, 'authz'],
  [/^\/chalZ/, 'challenge'],
  [/^\/finalize-order/, 'finalize'],
  [/^\/certZ/, 'certificate'],
  [/^\/renewal-info/, 'renewalInfo'],
];

export async function startCaFaultProxy(pebble: Pebble): Promise<CaFaultProxy> {
  const cert = pebble.roots;
  const key = await readFile(pebble.keyFile, 'utf8');
  const upstream = new URL(pebble.directory);
  const proxy: CaFaultProxy = {
    directory: '',
    fault: () => null,
    steps: [],
    orders: [],
    renewalInfo: null,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const path = incoming.url ?? '/';
    const step = STEPS.find(([pattern]) => pattern.test(path))?.[1] ?? 'order';
    proxy.steps.push(step);
    const body = await textOf(incoming);
    if (step === 'newOrder') proxy.orders.push(payloadOf(body));
    const fault = proxy.fault(step);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'reset') return void incoming.socket.destroy();
    if (fault?.kind === 'answer') {
      outgoing.writeHead(fault.status, { date: new Date().toUTCString(), ...fault.headers });
      return void outgoing.end(fault.body);
    }
    if (step === 'renewalInfo') {
      const answer = proxy.renewalInfo?.(path.split('/').at(-1) ?? '') ?? {};
      return void outgoing.end(JSON.stringify(answer));
    }
    const { status, headers, text } = await pass(incoming, body);
    if (fault?.kind === 'lost-answer') return void incoming.socket.destroy();
    const rewritten = fault?.kind === 'rewrite' ? fault.body(text) : text;
    const extra = fault?.kind === 'rewrite' ? fault.headers : undefined;
    const final = step === 'directory' ? directoryOf(rewritten) : rewritten;
    outgoing.writeHead(status, {
      ...headers,
      ...extra,
      'content-length': Buffer.byteLength(final),
    });
    // To HEAD nothing is said.
    outgoing.end(incoming.method === 'HEAD' ? undefined : final);
  }

  function directoryOf(text: string): string {
    const directory = JSON.parse(text) as Record<string, unknown>;
    const own = proxy.directory.replace(/\/dir$/, '');
    return JSON.stringify({
      ...directory,
      ...(proxy.renewalInfo !== null && { renewalInfo: `${own}/renewal-info` }),
    });
  }

  /** Pebble names its URLs by the host that it is asked for, so all of them lead here again. */
  async function pass(incoming: IncomingMessage, body: string) {
    const { method } = incoming;
    const headers = { ...incoming.headers, 'content-length': String(Buffer.byteLength(body)) };
    const sent = request({
      host: upstream.hostname,
      port: upstream.port,
      path: incoming.url,
      method,
      headers,
      ca: cert,
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const { 'transfer-encoding': _, ...answered } = response.headers;
    return { status: response.statusCode ?? 500, headers: answered, text: await textOf(response) };
  }

  const server = createServer({ cert, key }, (incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.directory = `https://127.0.0.1:${(server.address() as AddressInfo).port}/dir`;
  return proxy;
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of message.setEncoding('utf8')) text += part as string;
  return text;
}

function payloadOf(jws: string): Record<string, unknown> {
  const { payload } = JSON.parse(jws) as { payload: string };
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
}
