import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LogLine } from '../../src/protocol/worker.ts';
import { ask } from '../support/ask.ts';
import { startDataPlane, type DataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';

let data: DataPlane;

beforeAll(async () => {
  data = await startDataPlane();
});
afterAll(() => data.close());
beforeEach(() => void (data.lines.length = 0));

/** Runs the statements as a handler; gives the request's id and the lines once one has the text `the end`. */
async function run(statements: string): Promise<{ id: string; lines: LogLine[] }> {
  await data.deploy(
    `import fs, { writeSync, write, writev } from 'node:fs';
    import { EventEmitter } from 'node:events';
    import { Readable } from 'node:stream';
    import { pipeline } from 'node:stream/promises';
    import { promisify } from 'node:util';
    export const handler = async () => {
      ${statements}
      console.log('the end');
      return 'done';
    };`,
  );
  const { status, headers, body } = await ask(data, 'hello');
  expect(status, body).toBe(200);
  await eventually(() => data.lines.some(({ text }) => text === 'the end'));
  return {
    id: String(headers['x-request-id']),
    lines: data.lines.filter(({ text }) => text !== 'the end'),
  };
}

const texts = (lines: LogLine[]): string[] => lines.map(({ text }) => text);

describe('what a handler prints', () => {
  it('is one entry for each call of console, formatted as Node does', async () => {
    const { lines } = await run(`
      console.log('%s is %d', 'answer', 42, { a: [1] });
      console.error(new Error('broken').message, 'two\\nlines');
      console.dir({ deep: { er: { est: { x: 1 } } } }, { depth: 0 });
      console.table([{ a: 1 }]);
      console.count(); console.count('named');
      console.time('t'); console.timeEnd('t');
      console.assert(1 === 2, 'wrong'); console.assert(true);
      console.group('title'); console.log('in\\nside'); console.groupEnd(); console.log('out');
      console.debug('d'); console.trace('here');
    `);
    expect(lines.slice(0, 3).map(({ level, text }) => [level, text])).toEqual([
      ['info', 'answer is 42 { a: [ 1 ] }'],
      ['error', 'broken two\nlines'],
      ['info', '{ deep: [Object] }'],
    ]);
    expect(lines[3]?.text.split('\n')).toHaveLength(5);
    expect(texts(lines).slice(4, 6)).toEqual(['default: 1', 'named: 1']);
    expect(lines[6]?.text).toMatch(/^t: [\d.]+ms$/);
    expect(lines.slice(7, 12).map(({ level, text }) => [level, text])).toEqual([
      ['warn', 'Assertion failed: wrong'],
      ['info', 'title'],
      ['info', '  in\n  side'],
      ['info', 'out'],
      ['debug', 'd'],
    ]);
    expect(lines[12]).toMatchObject({
      level: 'debug',
      text: expect.stringMatching(/^Trace: here\n/),
    });
  });

  it('is its own after awaits, in timers, emitters, streams and callbacks of the system', async () => {
    const { id, lines } = await run(`
      await new Promise((done) => setTimeout(done, 2)); console.log('timer');
      await new Promise((done) => setImmediate(done)); console.log('immediate');
      await new Promise((done) => queueMicrotask(done)); console.log('microtask');
      await new Promise((done) => fs.stat('/', done)); console.log('file system');
      const emitter = new EventEmitter(); emitter.on('x', () => console.log('emitter'));
      await new Promise((done) => setTimeout(() => { emitter.emit('x'); done(); }, 1));
      await pipeline(Readable.from(['a']), async (all) => { for await (const one of all) console.log('stream', one); });
      await new Promise((done) => { const i = setInterval(() => { console.log('interval'); clearInterval(i); done(); }, 1); });
    `);
    expect(texts(lines)).toEqual([
      'timer',
      'immediate',
      'microtask',
      'file system',
      'emitter',
      'stream a',
      'interval',
    ]);
    expect(new Set(lines.map(({ requestId }) => requestId))).toEqual(new Set([id]));
  });

  it('is found on the standard streams and on descriptors 1 and 2, as loggers write to them', async () => {
    const { id, lines } = await run(`
      process.stdout.write('one\\ntwo\\r\\n');
      process.stderr.write(Buffer.from('bytes\\n'));
      process.stdout.write('6865780a', 'hex');
      await new Promise((done) => process.stdout.write('called back\\n', done));
      fs.writeSync(process.stdout.fd, 'pino\\n');
      writeSync(2, Buffer.from('xnamedx\\n').subarray(1), 0, 5); writeSync(2, '\\n');
      await promisify(write)(1, 'async\\n');
      await new Promise((done) => writev(1, [Buffer.from('vec'), Buffer.from('tor\\n')], done));
      console._stdout?.write('winston\\n');
      process.stdout.end('still open\\n'); process.stdout.write('after end\\n');
    `);
    expect(lines.map(({ level, text }) => [level, text])).toEqual([
      ['info', 'one'],
      ['info', 'two'],
      ['error', 'bytes'],
      ['info', 'hex'],
      ['info', 'called back'],
      ['info', 'pino'],
      ['error', 'named'],
      ['info', 'async'],
      ['info', 'vector'],
      ['info', 'winston'],
      ['info', 'still open'],
      ['info', 'after end'],
    ]);
    expect(new Set(lines.map(({ requestId }) => requestId))).toEqual(new Set([id]));
  });

  it('keeps the fields of JSON lines, and takes the level that loggers give them', async () => {
    const { lines } = await run(`
      for (const level of [10, 20, 30, 40, 50, 60, 'trace', 'verbose', 'INFO', 'warning', 'Fatal', 'unheard-of']) {
        process.stdout.write(JSON.stringify({ level, msg: 'said' }) + '\\n');
      }
      console.error('{"severity":"DEBUG"}'); console.log('{ no json }'); console.log('[1]');
    `);
    expect(lines.map(({ level }) => level).join(' ')).toBe(
      'debug debug info warn error error debug debug info warn error info debug info info',
    );
    expect(lines[2]).toMatchObject({
      text: '{"level":30,"msg":"said"}',
      fields: '{"level":30,"msg":"said"}',
    });
    expect(lines.slice(-2).map(({ fields }) => fields)).toEqual([undefined, undefined]);
  });

  it('is text, whatever bytes it was', async () => {
    const { lines } = await run(`
      const snowman = Buffer.from('☃\\n');
      process.stdout.write(snowman.subarray(0, 1)); process.stdout.write(snowman.subarray(1));
      process.stdout.write(Buffer.from([0xff, 0xfe, 0x41, 0x0a]));
      console.log('\\u001b[2J\\u0000<script>alert(1)</script>\\ud800');
    `);
    expect(texts(lines)).toEqual([
      '☃',
      '\ufffd\ufffdA',
      '\u001b[2J\u0000<script>alert(1)</script>\ud800',
    ]);
  });

  it('is cut when it is too long, and only counted when it is enormous', async () => {
    const { lines } = await run(`
      console.log('a'.repeat(100_000));
      process.stdout.write('b'.repeat(20_000)); process.stdout.write('\\n');
      console.log('c'.repeat(500_000_000));
    `);
    expect(lines[0]?.text).toMatch(/^a{8192}… \(100000 characters\)$/);
    expect(lines[1]?.text).toMatch(/^b{8192}… \(20000 characters\)$/);
    expect(lines.at(-1)?.text).toMatch(/^\(500000\d{3} characters, too many to be kept\)$/);
  });

  it('arrives also when it is the last that the process says', async () => {
    await data.deploy(
      `process.on('exit', () => console.log('bye'));
      export const handler = async () => { process.stdout.write('no end of line'); process.exit(3); };`,
    );
    expect((await ask(data, 'hello')).status).toBe(502);
    await eventually(() => expect(texts(data.lines)).toEqual(['no end of line', 'bye']));
  });
});

it('what child processes print past the worker is told at once, under no request', async () => {
  await data.deploy(
    `import { fork, spawnSync } from 'node:child_process';
    import fs from 'node:fs';
    export const handler = async () => {
      // More than a pipe holds, while this process can do nothing.
      spawnSync('/bin/sh', ['-c', 'i=0; while [ $i -lt 900 ]; do i=$((i+1)); printf "%0200d\\n" $i; done; echo wrong >&2'], { stdio: 'inherit' });
      fs.writeFileSync('/tmp/forked.cjs', 'console.log("from a fork"); console.error("\\ufffd told")');
      await new Promise((done) => fork('/tmp/forked.cjs').on('exit', done));
      return 'done';
    };`,
  );
  expect((await ask(data, 'hello')).status).toBe(200);
  await eventually(() => data.lines.length >= 903);
  const told = data.lines.map(({ level, text, requestId }) => [level, text, requestId]);
  expect(told).toContainEqual(['info', '900'.padStart(200, '0'), null]);
  expect(told).toContainEqual(['info', 'from a fork', null]);
  expect(told).toContainEqual(['error', 'wrong', null]);
  expect(told).toContainEqual(['error', '\ufffd told', null]);
});

it('a child process may print much while the handler waits for it', async () => {
  await data.deploy(
    `import { spawnSync } from 'node:child_process';
    export const handler = async () => {
      spawnSync('/bin/sh', ['-c', 'head -c 20000000 /dev/zero; echo; echo the end'], { stdio: 'inherit' });
      return 'done';
    };`,
    { timeoutMs: 20_000 },
  );
  expect((await ask(data, 'hello')).status).toBe(200);
  await eventually(() => texts(data.lines).includes('the end'));
});

it('a child process that prints without end holds up nothing but itself', async () => {
  await data.deploy(
    `import { spawn } from 'node:child_process';
    let yes;
    export const handler = async () => {
      yes ??= spawn('/bin/sh', ['-c', 'while :; do echo yes; done'], { stdio: 'inherit' });
      return 'done';
    };
    process.on('exit', () => yes?.kill('SIGKILL'));`,
  );
  expect((await ask(data, 'hello')).status).toBe(200);
  await eventually(() => data.lines.reduce((sum, { dropped }) => sum + dropped, 0) > 1_000);
  expect(data.lines.length).toBeLessThan(60_000);
  expect((await ask(data, 'hello')).status).toBe(200);
});

it('what a child process says last is told when the worker ends', async () => {
  await data.deploy(
    `import { spawnSync } from 'node:child_process';
    export const handler = async () => {
      spawnSync('/bin/sh', ['-c', 'echo from a child >&2'], { stdio: 'inherit' });
      process.exit(3);
    };`,
  );
  expect((await ask(data, 'hello')).status).toBe(502);
  await eventually(() =>
    expect(data.lines).toContainEqual({
      level: 'error',
      text: 'from a child',
      requestId: null,
      dropped: 0,
    }),
  );
});

it('a worker speaks for no request but its own', async () => {
  await data.deploy(
    `import fs from 'node:fs';
    export const handler = async () => {
      const frame = (stream, line) => {
        const payload = Buffer.from(JSON.stringify(line));
        const head = Buffer.alloc(9);
        head.writeUInt32BE(payload.length + 5, 0); head[4] = 23; head.writeUInt32BE(stream, 5);
        return Buffer.concat([head, payload]);
      };
      for (const stream of [0, 2 ** 31 - 1, 12345]) {
        fs.writeSync(5, frame(stream, { level: 'shout', text: 7, requestId: 'of-somebody-else', dropped: -5, fields: {} }));
        fs.writeSync(5, frame(stream, { level: 'info', text: 'forged ' + stream, requestId: 'of-somebody-else', dropped: 1e300 }));
      }
      return 'done';
    };`,
  );
  expect((await ask(data, 'hello')).status).toBe(200);
  // What a child process of the test before has left out may be told here yet.
  const forged = () => data.lines.filter(({ text }) => text.startsWith('forged'));
  const empty = () => data.lines.filter(({ text, dropped }) => text === '' && dropped === 0);
  await eventually(() => forged().length === 3 && empty().length === 3);
  expect(new Set(data.lines.map(({ requestId }) => requestId))).toEqual(new Set([null]));
  expect(new Set(empty().map(({ level }) => level))).toEqual(new Set(['info']));
  for (const { dropped } of forged()) expect(dropped).toBeLessThanOrEqual(1e9);
});
