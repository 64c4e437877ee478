/** Answers of real workers, asked by their own protocol. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeFrame, FrameDecoder } from '../../src/protocol/framing.ts';
import { invokeClientText, invokeText } from '../../src/protocol/invoke.ts';
import {
  BODY_CHUNK_BYTES,
  decodeResponseHead,
  specialiseParts,
  WINDOW_BYTES,
  WORKER_FRAME,
} from '../../src/protocol/worker.ts';
import { eventually } from '../support/eventually.ts';
import { wrapCommonJs } from '../support/function-code.ts';
import { createWorkerProcesses, type WorkerProcesses } from '../support/worker-process.ts';

const MIB = 1024 * 1024;
const SETTLING = new Set<number>([WORKER_FRAME.REPLY, WORKER_FRAME.END, WORKER_FRAME.FAILED]);

interface ReceivedFrame {
  type: number;
  stream: number;
  payload: Buffer;
}

let processes: WorkerProcesses;
beforeAll(async () => {
  processes = await createWorkerProcesses();
});
afterAll(() => processes.close());

/** A worker of this CommonJS module, and what it sent. */
async function startWorker(source: string) {
  const limits = { memoryMib: 128, timeoutMs: 30_000, initTimeoutMs: 10_000, concurrency: 8 };
  const choices = { path: null, convention: null, event: null };
  const sandbox = await processes.start(limits.memoryMib);
  const { socket, exited } = sandbox;
  const received: ReceivedFrame[] = [];
  const decoder = new FrameDecoder((frame) => {
    received.push({ ...frame, payload: Buffer.from(frame.payload) });
  });
  let streams = 0;
  socket.on('data', (chunk: Buffer) => decoder.push(chunk));
  const code = Buffer.from(wrapCommonJs(source));
  const names = { functionName: 'main', version: 'v1', deployment: 'd', file: 'f', entry: 'e' };
  sandbox.specialise('d');
  socket.write(
    encodeFrame(
      WORKER_FRAME.SPECIALISE,
      0,
      Buffer.concat(specialiseParts({ ...names, ...limits, ...choices }, code)),
    ),
  );
  const has = (type: number): boolean => received.some((frame) => frame.type === type);
  await eventually(() => has(WORKER_FRAME.READY));

  const settled = (stream: number): ReceivedFrame | undefined =>
    received.find((frame) => frame.stream === stream && SETTLING.has(frame.type));

  const consumed = (stream: number): number =>
    received
      .filter((frame) => frame.stream === stream && frame.type === WORKER_FRAME.CREDIT)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);

  /** Sends the body as far as the worker gives credit for it, until it has answered. */
  async function sendBody(stream: number, body: Buffer): Promise<void> {
    for (let at = 0; at < body.length && settled(stream) === undefined; at += BODY_CHUNK_BYTES) {
      const chunk = body.subarray(at, at + BODY_CHUNK_BYTES);
      const mayBegin = (): boolean => at + chunk.length - consumed(stream) <= WINDOW_BYTES;
      await eventually(() => mayBegin() || settled(stream) !== undefined);
      socket.write(encodeFrame(WORKER_FRAME.BODY, stream, chunk));
    }
    socket.write(encodeFrame(WORKER_FRAME.BODY_END, stream, ''));
  }

  return {
    received,
    ping: async () => {
      const pongs = () => received.filter(({ type }) => type === WORKER_FRAME.PONG).length;
      const before = pongs();
      socket.write(encodeFrame(WORKER_FRAME.PING, 0, ''));
      await eventually(() => pongs() > before);
    },
    drain: async () => {
      socket.write(encodeFrame(WORKER_FRAME.DRAIN, 0, ''));
      return exited;
    },
    /** `200 body`, or `failed message`. */
    ask: async (target = '/', body?: Buffer): Promise<string> => {
      const stream = ++streams;
      const clientText = invokeClientText({ scheme: 'http', peer: '127.0.0.1' }, '');
      const request = { requestId: 'r', method: 'POST', target };
      const text = `${body ? '\x01' : '\0'}${invokeText(request, clientText)}`;
      socket.write(encodeFrame(WORKER_FRAME.INVOKE, stream, text));
      if (body) await sendBody(stream, body);
      await eventually(() => settled(stream) !== undefined);
      const { type, payload } = settled(stream) ?? { type: 0, payload: Buffer.alloc(0) };
      if (type === WORKER_FRAME.FAILED) return `failed ${payload.toString()}`;
      const head = decodeResponseHead(payload);
      return `${head?.status} ${head?.rest.toString()}`;
    },
  };
}

describe('a result with a status', () => {
  it.each([
    [`{ status: 'ok' }`, '200 {"status":"ok"}'],
    [`{ status: null, id: 1 }`, '200 {"status":null,"id":1}'],
    [`{ status: true }`, '200 {"status":true}'],
    [`{ status: 'done', statusCode: 202, body: 'x' }`, '202 x'],
    [`{ status: 404 }`, '404 '],
    [`{ status: '418', body: 'tea' }`, '418 tea'],
  ])('that is %s answers %s', async (result, expected) => {
    const worker = await startWorker(`exports.handler = () => (${result});`);
    expect(await worker.ask()).toBe(expected);
  });

  it('that is no status code fails when the handler calls it one', async () => {
    const worker = await startWorker(`exports.handler = () => ({ statusCode: 'ok' });`);
    expect(await worker.ask()).toMatch(/^failed .*returned status ok/);
  });

  it('that has too many headers fails, and the worker serves on', async () => {
    const worker = await startWorker(`exports.handler = ({ path }) => ({
      statusCode: 200, headers: { 'x-a': 'a'.repeat(path === '/large' ? 70_000 : 1) },
    });`);
    expect(await worker.ask('/large')).toMatch(/^failed .*too large/);
    expect(await worker.ask()).toBe('200 ');
  });
});

describe("a Lambda handler's callback", () => {
  it.each([
    ['is given to handlers that do not declare it', `(...all) => all[2](null, 'called')`],
    [
      'goes before what is returned later',
      `async (e, c, done) => { done(null, 'called'); return 'x'; }`,
    ],
    [
      'goes before what is thrown later',
      `(e, c, done) => { done(null, 'called'); throw new Error(); }`,
    ],
    ['counts once', `(e, c, done) => { done(null, 'called'); done(null, 'again'); }`],
    [
      'is waited for when it is declared',
      `(e, c, done) => void setTimeout(done, 1, null, 'called')`,
    ],
    ['is waited for past a value', `(e, c, done) => setTimeout(done, 1, null, 'called')`],
    ['is not waited for past a promise', `async (e, c, done) => 'called'`],
    ['is not waited for past a thenable', `(e, c, done) => ({ then: (ok) => ok('called') })`],
  ])('%s', async (_what, handler) => {
    const worker = await startWorker(`exports.handler = ${handler};`);
    expect(await worker.ask()).toBe('200 called');
  });

  it.each([
    ['of an error', `(e, c, done) => done(new Error('told'))`],
    ['of what is no response', `(e, c, done) => done(null, { statusCode: 'told' })`],
  ])('%s fails the request', async (_what, handler) => {
    const worker = await startWorker(`exports.handler = ${handler};`);
    expect(await worker.ask()).toMatch(/^failed .*told/);
  });

  it('leaves the next request alone', async () => {
    const worker = await startWorker(`exports.handler = (e, c, done) => done(null, e.path);`);
    expect(await Promise.all(['/a', '/b', '/c'].map((path) => worker.ask(path)))).toEqual([
      '200 /a',
      '200 /b',
      '200 /c',
    ]);
  });
});

describe('waitUntil', () => {
  it('keeps the worker for any thenable', async () => {
    const worker = await startWorker(`exports.handler = (event, { waitUntil }) => {
      waitUntil({ then: (done) => setTimeout(() => { console.log('background'); done(); }, 50) });
      return 'answered';
    };`);
    expect(await worker.ask()).toBe('200 answered');
    await worker.drain();
    expect(worker.received.some(({ type }) => type === WORKER_FRAME.LOG)).toBe(true);
  });
});

describe('a body that is too large for an event', () => {
  it.each([
    ['a Lambda handler', `exports.handler = (event) => 'got ' + event.rawBody.length;`],
    ['a plain handler', `module.exports = (event) => 'got ' + event.rawBody.length;`],
  ])('is refused to %s, and the next is served', async (_what, source) => {
    const worker = await startWorker(source);
    expect(await worker.ask('/', Buffer.alloc(7 * MIB, 'x'))).toMatch(
      /^413 .*larger than 6291456 bytes","requestId":"r"/,
    );
    expect(await worker.ask('/', Buffer.alloc(6 * MIB, 'x'))).toBe(`200 got ${6 * MIB}`);
  });
});

describe('a worker whose code went wrong', () => {
  it('says once that it is retiring', async () => {
    const worker = await startWorker(`exports.handler = async () => {
      for (let n = 0; n < 5; n++) Promise.reject(new Error('stray'));
      await new Promise((done) => setTimeout(done, 1));
    };`);
    expect(await worker.ask()).toMatch(/^failed .*stray/);
    await worker.ping();
    const retiring = worker.received.filter(({ type }) => type === WORKER_FRAME.RETIRING);
    expect(retiring).toHaveLength(1);
  });
});

it('a worker finds nothing of what its zygote has rehearsed', async () => {
  const found = await startWorker(`
    const loaded = Object.keys(require('node:process').env);
    exports.handler = () => JSON.stringify({
      loaded: loaded.filter((name) => !name.startsWith('AWS_LAMBDA_')).sort(),
      name: process.env.AWS_LAMBDA_FUNCTION_NAME,
      globals: Object.getOwnPropertyNames(globalThis).filter((name) => /rehears/i.test(name)),
      waiting: process.listenerCount('beforeExit'),
    });`);
  const environment = ['LAMBDA_TASK_ROOT', 'NODE_ENV', 'PORT', '_HANDLER'];
  const nothing = { loaded: environment, name: 'main', globals: [], waiting: 0 };
  expect(await found.ask()).toBe(`200 ${JSON.stringify(nothing)}`);
});
