import { once } from 'node:events';
import http from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { StreamSlots } from '../../src/pool/stream-slots.ts';
import { WORKER_FRAME, WORKER_SOCKET_FD } from '../../src/protocol/worker.ts';
import { ask } from '../support/ask.ts';
import { startDataPlane, type DataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';

let plane: DataPlane | null = null;

async function start(options: Parameters<typeof startDataPlane>[0] = {}): Promise<DataPlane> {
  plane = await startDataPlane(options);
  return plane;
}

afterEach(async () => {
  await plane?.close();
  plane = null;
});

/** Does what the path says. */
const MISBEHAVES = `
  export const handler = async (event) => {
    switch (event.path) {
      case '/throw': throw new TypeError('secret detail');
      case '/spin': for (;;);
      case '/hang': return new Promise(() => {});
      case '/exit': process.exit(3);
      case '/abort': process.abort();
      case '/stray': setTimeout(() => { throw new Error('stray detail'); }, 1); return new Promise(() => {});
      case '/reject': Promise.reject(new Error('rejected detail')); return new Promise(() => {});
      case '/slow': await new Promise((resolve) => setTimeout(resolve, 300)); return String(process.pid);
      case '/bad-header': return { statusCode: 200, headers: { 'x-a': 'b\\r\\nset-cookie: c' } };
      case '/bad-status': return { statusCode: 101 };
      default: return String(process.pid);
    }
  };`;

async function pid(data: DataPlane): Promise<string> {
  const { status, body } = await ask(data, 'hello');
  expect(status).toBe(200);
  return body;
}

/** The stream that a worker's first invocation gets. */
function firstStream(): number {
  return new StreamSlots<null>(32).take(null, 0);
}

describe('a hostile function', () => {
  it('that sends a body beyond its window loses its worker, not the router its memory', async () => {
    const data = await start();
    await data.deploy(`
      import fs from 'node:fs';
      const frame = (type, stream, payload) => {
        const head = Buffer.alloc(9);
        head.writeUInt32BE(payload.length + 5);
        head[4] = type;
        head.writeUInt32BE(stream, 5);
        return Buffer.concat([head, payload]);
      };
      const chunk = frame(${WORKER_FRAME.BODY}, ${firstStream()}, Buffer.alloc(60_000));
      let rest = chunk; // What the kernel did not take of a frame goes first, or the frames would be broken.
      const flood = () => {
        try {
          for (;;) {
            rest = rest.subarray(fs.writeSync(${WORKER_SOCKET_FD}, rest));
            if (rest.length === 0) rest = chunk;
          }
        } catch {
          setTimeout(flood, 1);
        }
      };
      const answer = () => new Response(new ReadableStream({
        start(controller) { controller.enqueue(Buffer.from('begun')); setTimeout(flood, 20); },
      }));
      export default { fetch: answer };`);
    const request = http.get({
      host: '127.0.0.1',
      port: data.port,
      headers: { host: 'hello.localhost' },
      agent: false,
    });
    request.on('response', (response) => response.pause()); // A client that takes nothing.
    request.on('error', () => {}); // Its connection breaks with the worker.
    await eventually(() => data.failures.some((failure) => failure.kind === 'worker-gone'));
    request.destroy();
    expect(JSON.stringify(data.failures)).toContain('beyond its window');
  });
});

describe('a function that streams in small pieces', () => {
  it('keeps its worker when a client takes nothing for a while, and loses no byte', async () => {
    const data = await start();
    const [pieces, pieceBytes] = [200_000, 64];
    await data.deploy(`
      let sent = 0;
      export default { fetch: (request) => {
        if (new URL(request.url).pathname === '/sent') return new Response(String(sent));
        return new Response(new ReadableStream({
          pull(controller) {
            if (sent++ === ${pieces}) controller.close();
            else controller.enqueue(Buffer.alloc(${pieceBytes}));
          },
        }, { highWaterMark: 1 }));
      } };`);
    const request = http.get({
      host: '127.0.0.1',
      port: data.port,
      headers: { host: 'hello.localhost' },
      agent: false,
    });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.pause();
    let last = '';
    await eventually(async () => {
      const { body } = await ask(data, 'hello', { path: '/sent' });
      const isStalled = body === last;
      last = body;
      return isStalled;
    });
    expect(Number(last)).toBeLessThan(pieces);
    let received = 0;
    for await (const chunk of response) received += (chunk as Buffer).length;
    expect(received).toBe(pieces * pieceBytes);
    expect(data.failures).toEqual([]);
  });
});

describe('a failing function', () => {
  it('that throws gives 502 without its message, and its worker lives on', async () => {
    const data = await start();
    await data.deploy(MISBEHAVES);
    const before = await pid(data);
    const answer = await ask(data, 'hello', { path: '/throw' });
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body)).toEqual({
      error: 'The function failed',
      requestId: answer.headers['x-request-id'],
    });
    expect(data.failures).toMatchObject([
      { kind: 'threw', errorType: 'TypeError', message: 'secret detail' },
    ]);
    expect(await pid(data)).toBe(before);
  });

  it.each(['/bad-header', '/bad-status'])('that answers no HTTP gives 502: %s', async (path) => {
    const data = await start();
    await data.deploy(MISBEHAVES);
    expect(await ask(data, 'hello', { path })).toMatchObject({ status: 502 });
  });

  it('that never answers gives 504, and its worker lives on', async () => {
    const data = await start();
    await data.deploy(MISBEHAVES, { timeoutMs: 1000 });
    const before = await pid(data);
    const answer = await ask(data, 'hello', { path: '/hang' });
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'Task timed out after 1.00 seconds' });
    expect(await pid(data)).toBe(before);
  });

  it('that spins forever gives 504, and its worker is killed and replaced', async () => {
    const data = await start();
    await data.deploy(MISBEHAVES, { timeoutMs: 1000 });
    const before = await pid(data);
    expect(await ask(data, 'hello', { path: '/spin' })).toMatchObject({ status: 504 });
    expect(await pid(data)).not.toBe(before);
    const processId = Number(before);
    await eventually(() => ![...data.processes.running].some((child) => child.pid === processId));
  });

  it('whose worker exits gives 502 with the reason, and the next request a fresh worker', async () => {
    const data = await start();
    await data.deploy(MISBEHAVES);
    const exit = await ask(data, 'hello', { path: '/exit' });
    expect(exit.status).toBe(502);
    expect(exit.body).toContain('Worker exited with code 3');
    const crash = await ask(data, 'hello', { path: '/abort' });
    expect(crash.status).toBe(502);
    expect(crash.body).toContain('Worker crashed (SIGABRT)');
    await pid(data);
  });

  it('that runs out of memory gives 502 with the limit', async () => {
    const data = await start({ execArgv: ['--max-old-space-size=20'] });
    await data.deploy(
      `export const handler = async () => { const all = []; for (;;) all.push({ a: [all.length] }); }`,
    );
    const answer = await ask(data, 'hello');
    expect(answer.status).toBe(502);
    expect(answer.body).toContain('Worker ran out of memory (limit 128 MB)');
  });

  it.each(['/stray', '/reject'])(
    'with an error that nothing caught fails that request alone, and its worker is replaced: %s',
    async (path) => {
      const data = await start();
      await data.deploy(MISBEHAVES);
      const before = await pid(data);
      const neighbour = ask(data, 'hello', { path: '/slow' });
      const answer = await ask(data, 'hello', { path });
      expect(answer.status).toBe(502);
      expect(await neighbour).toMatchObject({ status: 200, body: before });
      expect(await pid(data)).not.toBe(before);
      const [line] = data.lines;
      expect(line).toMatchObject({ level: 'error', requestId: answer.headers['x-request-id'] });
      expect(line?.text).toContain('detail');
    },
  );

  it('whose code throws as it loads gives 502, and after some failures 503 at once', async () => {
    const data = await start();
    await data.deploy(`throw new Error('no such thing')`);
    const statuses: number[] = [];
    await eventually(async () => {
      const { status, headers } = await ask(data, 'hello');
      statuses.push(status);
      return status === 503 && Number(headers['retry-after']) >= 1;
    });
    expect(statuses.slice(0, 3)).toEqual([502, 502, 502]);
    expect(data.failures[0]).toMatchObject({
      kind: 'init-failed',
      failure: { reason: 'threw', message: 'no such thing' },
    });
  });

  it('whose code never finishes loading fails after the time for it', async () => {
    const data = await start({ pool: { initTimeoutMs: 1000 } });
    await data.deploy(`export const handler = 1; await_();\nfunction await_() { for (;;); }`);
    expect(await ask(data, 'hello')).toMatchObject({ status: 502 });
    expect(data.failures).toMatchObject([{ kind: 'init-failed', failure: { reason: 'timeout' } }]);
  });
});
