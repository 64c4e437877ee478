/** What is left to compile when a zygote becomes a worker: V8 tells of each function that it compiles. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { encodeFrame, FrameDecoder } from '../../src/protocol/framing.ts';
import { invokeClientText, invokeText } from '../../src/protocol/invoke.ts';
import { specialiseParts, WORKER_FRAME } from '../../src/protocol/worker.ts';
import { wrapCommonJs } from '../support/function-code.ts';
import { createWorkerProcesses } from '../support/worker-process.ts';

const HEAD = {
  functionName: 'main',
  version: 'v1',
  deployment: 'd',
  file: 'f',
  entry: 'e',
  memoryMib: 128,
  timeoutMs: 30_000,
  initTimeoutMs: 10_000,
  concurrency: 8,
  path: null,
  convention: null,
  event: null,
};

/** Of reading, writing and waiting. */
const NODE_SCRIPTS = ['node:fs', 'node:internal/stream_base_commons', 'node:internal/timers'];
/** What a zygote does that waits for longer, and Node's modules that it loads then: on a busy machine, before its start. */
const WHEN_IDLE = ['nodeHttp', 'webStreams'];

/** A worker that was greeted while it booted, and, where there is a source, was started and has answered once. */
async function compiledBy(source: string | null): Promise<Set<string>> {
  const folder = await mkdtemp(join(tmpdir(), 'warm-up-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const log = join(folder, 'v8.log');
  const execArgv = ['--log-function-events', '--no-logfile-per-isolate', `--logfile=${log}`];
  const processes = await createWorkerProcesses({ execArgv });
  onTestFinished(() => processes.close());
  const worker = await processes.start(128);
  const { socket, exited } = worker;
  const heard = new Map<number, PromiseWithResolvers<void>>();
  const hears = (type: number): Promise<void> => {
    const known = heard.get(type) ?? Promise.withResolvers<void>();
    heard.set(type, known);
    return known.promise;
  };
  const decoder = new FrameDecoder(({ type }) => {
    void hears(type);
    heard.get(type)?.resolve();
  });
  socket.on('data', (chunk: Buffer) => decoder.push(chunk));
  socket.write(encodeFrame(WORKER_FRAME.PING, 0, ''));
  await Promise.all([hears(WORKER_FRAME.HELLO), hears(WORKER_FRAME.PONG)]);
  if (source !== null) {
    worker.specialise('d');
    socket.write(firstFrames(source));
    await hears(WORKER_FRAME.REPLY);
  }
  socket.end();
  await Promise.all([once(socket, 'close'), exited]);
  return namedFunctions(await readFile(log, 'utf8'));
}

function firstFrames(source: string): Buffer {
  const code = Buffer.from(wrapCommonJs(source));
  const client = invokeClientText({ scheme: 'http', peer: '127.0.0.1' }, '\nhost\nlocalhost');
  const request = { requestId: 'r', method: 'GET', target: '/' };
  return Buffer.concat([
    encodeFrame(WORKER_FRAME.SPECIALISE, 0, Buffer.concat(specialiseParts(HEAD, code))),
    encodeFrame(WORKER_FRAME.INVOKE, 1, `\0${invokeText(request, client)}`),
  ]);
}

/**
 * Lines are `function,interpreter,script,start,end,ms,us,name` and `script-details,script,file`. Those that V8 took from a
 * cache are in none. What idleness loads is of Node's, which is why only these of Node's own scripts are looked at.
 */
function namedFunctions(log: string): Set<string> {
  const lines = log.split('\n').map((line) => line.split(','));
  const details = lines.filter(([kind]) => kind === 'script-details');
  const files = new Map(details.map(([, script, file = '']) => [script, file]));
  const compiled = lines.filter(
    ([kind, event, script]) =>
      kind === 'function' && event === 'interpreter' && isLookedAt(files.get(script) ?? ''),
  );
  const names = compiled.map((fields) => fields[7] ?? '');
  return new Set(names.filter((name) => name !== '' && !WHEN_IDLE.includes(name)));
}

function isLookedAt(file: string): boolean {
  return !file.startsWith('node:') || NODE_SCRIPTS.includes(file);
}

it('a first start compiles no function of the platform but what its own code needs', async () => {
  const source = `exports.handler = async function ownHandler() { return { statusCode: 200 }; };`;
  const booted = await compiledBy(null);
  const started = await compiledBy(source);
  for (const name of ['readEnvironment', 'onStreamRead', 'lookLater'])
    expect(booted).toContain(name);
  const later = [...started].filter((name) => !booted.has(name));
  expect(later).toContain('ownHandler');
  expect(later.filter((name) => name !== 'ownHandler')).toEqual([]);
});
