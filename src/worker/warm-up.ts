/**
 * What a zygote does ahead, so that a cold start finds it done: Node compiles a function when it is first called, and
 * the first specialisation and the first request of a process call some hundreds of them. So each zygote rehearses both
 * with a function of its own, before it says that it has booted, and leaves nothing of it behind.
 */
import { openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { devNull } from 'node:os';
import { Writable } from 'node:stream';
import { encodeFrame, FrameDecoder, type Frame } from '../protocol/framing.ts';
import { invokeClientText, invokeText } from '../protocol/invoke.ts';
import { specialiseParts, WORKER_FRAME, type SpecialiseHead } from '../protocol/worker.ts';
import { readEnvironment, type EnvironmentSource } from './environment.ts';
import { nodeHttp } from './conventions/node-http.ts';
import { webStreams } from './web/web-streams.ts';

/** What a worker needs of its socket beside reading it. */
export type WorkerSocket = Writable & Pick<Socket, 'ref' | 'unref'>;

type MakeWorker = (
  socket: WorkerSocket,
  environment: EnvironmentSource,
) => { receive(frame: Frame): void };

const STREAM = 1;
const HEAD: SpecialiseHead = {
  functionName: 'rehearsal',
  version: 'v0',
  deployment: 'rehearsal',
  file: 'rehearsal.js',
  entry: 'rehearsal.js',
  memoryMib: 64,
  timeoutMs: 1_000,
  initTimeoutMs: 1_000,
  concurrency: 1,
  path: null,
  convention: null,
  event: null,
};
/** As the bundler has them: a handler of Lambda's kind, and one that gets a Request and gives a Response. */
const HANDLERS = [
  `({ handler: async (event, context) => ({
    statusCode: 200,
    headers: { 'x-rehearsal': __builtin('node:path').join(event.rawPath, context.awsRequestId) },
    body: { rehearsal: event.queryStringParameters },
  }) })`,
  `({ get default() {
    return (request) => Response.json({ path: new URL(request.url).pathname, of: request.headers.get('host') });
  } })`,
];
const REQUEST = {
  requestId: 'rehearsal',
  method: 'GET',
  target: '/rehearsal?of=this',
};
const CLIENT = invokeClientText(
  { scheme: 'http', peer: '127.0.0.1' },
  '\nhost\nlocalhost\naccept\n*/*',
);

/** Has workers of its own start the rehearsal's functions and answer one request each. */
export async function rehearse(makeWorker: MakeWorker): Promise<void> {
  const known = new Set(Object.keys(process.env));
  for (const handler of HANDLERS) await rehearseOne(makeWorker, handler);
  for (const name of Object.keys(process.env)) if (!known.has(name)) delete process.env[name];
  delete (globalThis as { awslambda?: unknown }).awslambda;
}

async function rehearseOne(makeWorker: MakeWorker, handler: string): Promise<void> {
  const answers = createAnswers();
  const worker = makeWorker(answers.socket, () => readEnvironment(openSync(devNull, 'r')));
  const frames = new FrameDecoder((frame) => worker.receive(frame));
  const code = Buffer.from(
    `(async function (__builtin, __meta, __export, require) { "use strict"; __export(${handler}); })`,
  );
  const invoke = Buffer.from(`\0${invokeText(REQUEST, CLIENT)}`, 'latin1');
  const replied = answers.of(WORKER_FRAME.REPLY);
  // In one piece, as the first request of a function comes along with its code.
  frames.push(
    Buffer.concat([
      encodeFrame(WORKER_FRAME.SPECIALISE, 0, Buffer.concat(specialiseParts(HEAD, code))),
      encodeFrame(WORKER_FRAME.INVOKE, STREAM, invoke),
    ]),
  );
  await replied;
}

/** A socket that leads nowhere, and what the worker writes to it. */
function createAnswers() {
  const waiting = new Map<number, () => void>();
  const frames = new FrameDecoder(({ type }) => waiting.get(type)?.());
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      frames.push(chunk);
      done();
    },
  });
  const socket: WorkerSocket = Object.assign(stream, { ref: stub, unref: stub });
  return {
    socket,
    of: (type: number) => new Promise<void>((resolve) => waiting.set(type, resolve)),
  };
}

function stub(this: never): never {
  return this;
}

/** Long enough that a worker booted on demand has been specialised. */
const IDLE_MS = 50;

/**
 * Loads what many functions need and few need at once: Node's HTTP module takes 3 ms and 2 MB, its streams of the web
 * 3 ms. The returned function prevents that. Node's own classes of requests and responses (44 ms and 7 MB) stay out:
 * web/globals.ts has others in their place.
 */
export function warmUpWhenIdle(onFailed: (error: unknown) => void): () => void {
  const timer = setTimeout(() => {
    try {
      nodeHttp();
      webStreams();
    } catch (error) {
      onFailed(error);
    }
  }, IDLE_MS);
  return () => clearTimeout(timer);
}
