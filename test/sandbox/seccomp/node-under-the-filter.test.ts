/** What functions and builds do every day is not in the filter's way. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSandboxLab, type SandboxLab } from '../../support/sandbox.ts';

let lab: SandboxLab;
beforeAll(async () => {
  lab = await openSandboxLab();
});
afterAll(() => lab.close());

/** The value of an expression inside; a failure is its message. */
async function evaluate(expression: string): Promise<unknown> {
  const { stderrTail } = await lab.run(
    `
    import { execFile, execFileSync, fork } from 'node:child_process';
    import { once } from 'node:events';
    import crypto from 'node:crypto'; import dgram from 'node:dgram';
    import fs from 'node:fs'; import http from 'node:http'; import net from 'node:net'; import os from 'node:os';
    import { promisify } from 'node:util';
    import { Worker } from 'node:worker_threads';
    const value = await (async () => (${expression}))().catch(String);
    fs.writeSync(2, JSON.stringify(value));
    process.exit();
    `,
    { memoryMib: 256 },
  );
  return JSON.parse(stderrTail);
}

describe('Node under the filter', () => {
  const cases: [string, string, unknown][] = [
    [
      'starts threads',
      `await new Promise((resolve) => new Worker(
        "require('node:worker_threads').parentPort.postMessage(6 * 7)", { eval: true },
      ).on('message', resolve))`,
      42,
    ],
    [
      'starts processes and reads what they print',
      `[execFileSync(process.execPath, ['-p', '6*7']).toString(),
        await promisify(execFile)(process.execPath, ['-p', '1']).then((end) => end.stdout)]`,
      ['42\n', '1\n'],
    ],
    [
      'talks to children over their channel',
      `await new Promise((resolve, reject) => {
        fs.writeFileSync('/tmp/child.mjs', "process.send(process.ppid > 0)");
        fork('/tmp/child.mjs').on('message', resolve).on('error', reject);
      })`,
      true,
    ],
    [
      'serves and fetches by HTTP',
      `await new Promise((resolve) => {
        const server = http.createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1', async () => {
          resolve(await (await fetch('http://127.0.0.1:' + server.address().port)).text());
        });
      })`,
      'hello',
    ],
    [
      'listens on a local socket, by a path and by an abstract name',
      `await Promise.all(['/tmp/s', '\\0name'].map((path) => new Promise((resolve, reject) => {
        net.createServer((socket) => socket.end('up')).listen({ path }, () => {
          net.connect({ path }).on('data', (data) => resolve(String(data))).on('error', reject);
        });
      })))`,
      ['up', 'up'],
    ],
    [
      'sends datagrams',
      `await new Promise((resolve, reject) => {
        const socket = dgram.createSocket('udp4', (message) => resolve(String(message)));
        socket.on('error', reject).bind(0, '127.0.0.1', () => socket.send('x', socket.address().port, '127.0.0.1'));
      })`,
      'x',
    ],
    [
      'lists interfaces, cores and memory',
      `[Object.keys(os.networkInterfaces()), os.availableParallelism() > 0, os.totalmem() > 0, os.cpus().length > 0]`,
      [['lo'], true, true, true],
    ],
    ['sets priorities of its own', `(os.setPriority(5), os.getPriority())`, 5],
    [
      'hashes and signs, on threads as well',
      `[crypto.createHash('sha256').update('').digest('hex').slice(0, 8),
        (await promisify(crypto.scrypt)('a', 'b', 16)).length,
        (await promisify(crypto.generateKeyPair)('ec', { namedCurve: 'P-256' })).publicKey.type]`,
      ['e3b0c442', 16, 'public'],
    ],
    [
      'compiles WebAssembly and code of JavaScript',
      `(() => {
        const bytes = Uint8Array.from(Buffer.from('AGFzbQEAAAABBQFgAAF/AwIBAAcFAQFmAAAKBgEEAEEqCw==', 'base64'));
        let sum = 0;
        const add = new Function('a', 'b', 'return a + b');
        for (let i = 0; i < 1e6; i += 1) sum = add(sum, 1);
        return [new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.f(), sum];
      })()`,
      [42, 1e6],
    ],
    [
      'makes, copies, links, watches and removes files',
      `await (async () => {
        fs.mkdirSync('/tmp/a/b', { recursive: true });
        fs.writeFileSync('/tmp/a/x', 'text', { flush: true });
        fs.cpSync('/tmp/a', '/tmp/c', { recursive: true });
        fs.linkSync('/tmp/a/x', '/tmp/a/y'); fs.symlinkSync('x', '/tmp/a/z');
        fs.chmodSync('/tmp/a/x', 0o600); fs.utimesSync('/tmp/a/x', 1, 1); fs.truncateSync('/tmp/a/y', 2);
        const watcher = fs.watch('/tmp/c'); setImmediate(() => fs.writeFileSync('/tmp/c/new', ''));
        const [, name] = await once(watcher, 'change');
        const seen = [fs.readFileSync('/tmp/a/z', 'utf8'), fs.statSync('/tmp/a/x').nlink, name];
        fs.rmSync('/tmp/a', { recursive: true });
        return [...seen, fs.readdirSync('/tmp/c').length, fs.statfsSync('/tmp').bsize > 0];
      })()`,
      ['te', 2, 'new', 3, true],
    ],
    [
      'handles signals and measures itself',
      `await (async () => {
        setInterval(() => {}, 1000); // A handler alone keeps no process alive.
        const heard = once(process, 'SIGUSR2');
        process.kill(process.pid, 'SIGUSR2');
        await heard;
        return [process.resourceUsage().maxRSS > 0, process.getuid(), process.cpuUsage().user > 0];
      })()`,
      [true, 1000, true],
    ],
  ];

  it.each(cases)('%s', async (_, expression, expected) => {
    expect(await evaluate(expression)).toEqual(expected);
  });
});
