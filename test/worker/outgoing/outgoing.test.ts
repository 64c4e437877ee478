import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bundleWorkerProgram } from '../../../src/main/supervisor/programs/programs.ts';
import {
  CHANNEL_FRAME,
  MAX_CHANNEL_FRAME_BYTES,
  MAX_CHANNEL_STREAMS,
} from '../../../src/protocol/egress-channel.ts';
import { APP_SHARE, createAppShares } from '../../../src/egress/app-shares.ts';
import { encodeFrame } from '../../../src/protocol/framing.ts';
import { listen, run, startOuterEnd, tableOf } from '../../support/egress-channel.ts';

it('fetch, http and plain sockets reach what a rule names', async () => {
  const body = 'x'.repeat(3_000_000);
  const port = await listen(
    http.createServer((request, response) => {
      request.resume().on('end', () => response.end(`${request.headers.host} ${body}`));
    }),
  );
  const echo = await listen(net.createServer((socket) => socket.pipe(socket)));
  const outer = await startOuterEnd({ 'web.example': '127.0.0.1' }, [
    '127.0.0.1:*',
    'web.example:*',
  ]);
  const answer = await run(
    outer,
    `const fetched = await (await fetch('http://web.example:${port}/', { method: 'POST', body: ${JSON.stringify(body)} })).text();
     const { default: http } = await import('node:http');
     const got = await new Promise((resolve, reject) => http.get('http://web.example:${port}/', (response) => {
       let length = 0; response.on('data', (chunk) => length += chunk.length).on('end', () => resolve(length));
     }).on('error', reject));
     const echoed = await new Promise((resolve, reject) => {
       const socket = net.connect(${echo}, 'web.example', () => socket.end('there and back'));
       let text = ''; socket.on('data', (chunk) => text += chunk);
       socket.on('error', reject).on('end', () => resolve([text, socket.remoteAddress, socket.remotePort]));
     });
     return [fetched.length, fetched.slice(0, 11), got, echoed];`,
  );
  const bytes = `web.example:${port} `.length + body.length;
  expect(answer).toEqual([bytes, 'web.example', bytes, ['there and back', '127.0.0.1', echo]]);
});

it('what may not be reached fails as Node says it, and the loopback stays the sandbox’s own', async () => {
  const closed = await listen(net.createServer());
  const outer = await startOuterEnd({ 'web.example': '10.0.0.1', 'db.example': '127.0.0.1' }, [
    '127.0.0.1:1',
  ]);
  const answer = await run(
    outer,
    `const connect = (port, host) => new Promise((resolve) => {
       const socket = net.connect(port, host, () => { socket.destroy(); resolve('connected'); });
       socket.on('error', ({ code, syscall }) => resolve([code, syscall]));
     });
     const dns = await import('node:dns/promises');
     const own = net.createServer().listen(0); await new Promise((done) => own.on('listening', done));
     const answers = [
       await connect(80, 'nobody.example'), await connect(80, 'web.example'), await connect(80, '10.0.0.1'),
       await connect(80, '169.254.169.254'), await connect(${closed}, '::ffff:127.0.0.2'), await connect(80, 'fd00::1'),
       await connect(own.address().port, 'localhost'), await connect(own.address().port, '127.0.0.1'),
       await dns.lookup('web.example').catch(({ code }) => code), await dns.lookup('db.example', { all: true }),
       (await fetch('http://10.0.0.1/').catch(({ cause }) => cause.code)),
     ];
     own.close(); return answers;`,
  );
  expect(answer).toEqual([
    ['ENOTFOUND', 'connect'],
    ['ENOTFOUND', 'connect'],
    ['EACCES', 'connect'],
    ['EACCES', 'connect'],
    // A loopback in any spelling is the sandbox's own.
    ['ECONNREFUSED', 'connect'],
    ['EACCES', 'connect'],
    'connected',
    'connected',
    'ENOTFOUND',
    [{ address: '127.0.0.1', family: 4 }],
    'EACCES',
  ]);
});

it('a program that waits for a connection at its top level is not at its end', async () => {
  const port = await listen(net.createServer((socket) => socket.end('late')));
  const outer = await startOuterEnd({}, ['127.0.0.0/8:*']);
  const code = `const socket = new net.Socket(); socket.connect({ host: '::ffff:7f00:1', port: ${port} });
    let text = ''; for await (const chunk of socket) text += chunk; return text;`;
  expect(await run(outer, code)).toBe('late');
});

it.each([
  ['a stream that begins again', encodeFrame(CHANNEL_FRAME.LOOKUP, 1, 'a.b')],
  ['data without a stream', encodeFrame(CHANNEL_FRAME.DATA, 9, 'x')],
  ['no JSON', encodeFrame(CHANNEL_FRAME.OPEN, 2, 'x')],
  ['no port', encodeFrame(CHANNEL_FRAME.OPEN, 2, '{"host":"a","port":70000}')],
  ['an endless name', encodeFrame(CHANNEL_FRAME.LOOKUP, 2, 'a'.repeat(300))],
  ['a question that no resolver asks', encodeFrame(CHANNEL_FRAME.QUERY, 2, 'a'.repeat(1_025))],
  [
    'a frame over the limit',
    encodeFrame(CHANNEL_FRAME.DATA, 1, 'x'.repeat(MAX_CHANNEL_FRAME_BYTES)),
  ],
  ['an unknown frame', encodeFrame(99, 0, '')],
  ['an endless frame', Buffer.from('ffffffff0000000000', 'hex')],
])('the outer end gives a sandbox up for %s', async (_, frame) => {
  const { path } = await startOuterEnd({}, []);
  const socket = net.connect(path);
  socket.on('error', () => {});
  socket.resume();
  socket.write(encodeFrame(CHANNEL_FRAME.LOOKUP, 1, 'a.b'));
  socket.write(frame);
  // Bytes that nobody reads any more end it with an error.
  await new Promise((done) => socket.once('close', done));
});

it('the outer end outlives whatever a sandbox sends', async () => {
  const outer = await startOuterEnd({ 'db.example': '127.0.0.1' }, ['127.0.0.1:1']);
  const types = Object.values(CHANNEL_FRAME);
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .constantFrom('{"host":"127.0.0.1","port":1}', '{"host":"db.example","port":1}', 'null', '[]')
      .map((text) => new Uint8Array(Buffer.from(text))),
  );
  const frame = fc
    .tuple(fc.constantFrom(...types), fc.nat({ max: 6 }), payload)
    .map(([type, stream, bytes]) => encodeFrame(type, stream, bytes));
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 12 }), async (frames) => {
      const socket = net.connect(outer.path);
      socket.on('error', () => {});
      socket.resume();
      socket.end(Buffer.concat(frames));
      await once(socket, 'close');
    }),
    { numRuns: 100 },
  );
  const dns = `return (await import('node:dns/promises')).lookup('db.example');`;
  expect(await run(outer, dns)).toEqual({ address: '127.0.0.1', family: 4 });
});

it('threads connect as the main thread does, and threads of theirs', async () => {
  const port = await listen(
    http.createServer((request, response) => response.end(`you asked for ${request.url}`)),
  );
  const outer = await startOuterEnd({ 'web.example': '127.0.0.1' }, ['127.0.0.1:*']);
  const connects = `
    const { parentPort, workerData, Worker, threadId } = require('node:worker_threads');
    const dns = require('node:dns/promises');
    const code = ({ code, cause }) => code ?? cause?.code;
    const fetched = (url) => fetch(url).then((answer) => answer.text(), code);
    (async () => parentPort.postMessage([
      await fetched('http://web.example:${port}/' + workerData.name),
      await fetched('http://10.0.0.1/'),
      await dns.lookup('nobody.example').catch(code),
      await dns.resolve4('web.example'),
      workerData.depth === 0 ? null : await new Promise((resolve, reject) => {
        const inner = new Worker(workerData.source, { eval: true, workerData: { ...workerData, depth: 0, name: 'inner' } });
        inner.on('message', resolve).on('error', reject);
      }),
    ]))();`;
  const answer = await run(
    outer,
    `const { Worker } = await import('node:worker_threads');
     const source = ${JSON.stringify(connects)};
     const worker = new Worker(source, { eval: true, workerData: { source, depth: 1, name: 'outer' } });
     const [message, end] = await Promise.all([
       new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject)),
       new Promise((resolve) => worker.on('exit', resolve)),
     ]);
     return [message, end, worker instanceof Worker];`,
    await bundleWorkerProgram(resolve(import.meta.dirname, '../../..'), outer.folder),
  );
  const found = (name: string) => [`you asked for /${name}`, 'EACCES', 'ENOTFOUND', ['127.0.0.1']];
  expect(answer).toEqual([[...found('outer'), [...found('inner'), null]], 0, true]);
});

it('a sandbox has so many connections and questions at a time, and more are refused by name', async () => {
  const port = await listen(net.createServer((socket) => socket.resume()));
  const shares = createAppShares(
    { upstream: tableOf({}), nowMs: () => performance.now() },
    { ...APP_SHARE, questions: { perSecond: 1_000, atOnce: 1_000, atATime: 1_000 } },
  );
  const outer = await startOuterEnd({}, ['127.0.0.0/8:*'], { shares });
  const answer = await run(
    outer,
    `const open = () => new Promise((resolve) => {
       const socket = net.connect({ host: '::ffff:7f00:1', port: ${port} }, () => resolve(socket));
       socket.on('error', ({ code, message }) => resolve(code + ' ' + message));
     });
     const sockets = [];
     // Slower than the sandbox may ask.
     while (sockets.length < ${MAX_CHANNEL_STREAMS}) {
       const socket = await open();
       if (typeof socket !== 'string') sockets.push(socket);
       else await new Promise((resolve) => setTimeout(resolve, 50));
     }
     const refused = await open();
     sockets.pop().destroy();
     let again;
     do { again = await open(); } while (typeof again === 'string');
     for (const socket of [...sockets, again]) socket.destroy();
     return refused;`,
  );
  expect(answer).toBe('EMFILE connect EMFILE: more than 256 connections of one worker');
});
