import { expect, it } from 'vitest';
import type { LogEntry } from '../../src/protocol/logs.ts';
import type { Clock } from '../../src/std/clock.ts';
import { LogRecorder } from '../../src/telemetry/log-recorder.ts';
import type { InvocationEnd } from '../../src/router/ports.ts';
import { servedDeployment, servedFunction } from '../support/function-code.ts';

const source = { appName: 'hello', deployment: 'dep-1', functionName: 'main' };
const line = { level: 'info', text: 'said', requestId: 'req', dropped: 0 } as const;
const served = servedFunction({ name: 'main' });
const target = {
  served,
  deployment: servedDeployment({ bundle: 'b', appName: 'hello', functions: [served] }),
};
const answered: InvocationEnd = {
  requestId: 'req',
  status: 200,
  durationMs: 12.345,
  coldStartMs: null,
  failure: null,
  requestBytes: 0,
  responseBytes: 0,
  worker: { peakMemoryKib: 50_000 },
};

/** A recorder at a time that only the test moves. */
function createRecorder(spread = 1) {
  const entries: LogEntry[] = [];
  const timers: { atMs: number; callback: () => void }[] = [];
  let nowMs = 1_000;
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    after: (delayMs, callback) => {
      timers.push({ atMs: nowMs + delayMs, callback });
      return () => {};
    },
  };
  const sink = { add: (_app: string, entry: LogEntry) => void entries.push(entry) };
  const recorder = new LogRecorder(sink, clock, () => spread);
  const pass = (ms: number): void => {
    nowMs += ms;
    const due = timers.filter(({ atMs }) => atMs <= nowMs);
    for (const timer of due) {
      timers.splice(timers.indexOf(timer), 1);
      timer.callback();
    }
  };
  return { recorder, entries, pass, timers };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('bounds the lines of a function, counts the rest and tells the count once', () => {
  const { recorder, entries, pass, timers } = createRecorder();
  recorder.line(source, { ...line, dropped: 7 });
  for (let count = 1; count < 5_000; count++) recorder.line(source, line);
  recorder.line({ ...source, functionName: 'other' }, line);
  expect(entries.filter(({ functionName }) => functionName === 'main')).toHaveLength(2_000);
  expect(entries.at(-1)?.functionName).toBe('other');
  pass(1_000);
  const notices = entries.filter(({ kind }) => kind === 'notice');
  expect(notices.map(({ text }) => text)).toEqual([
    '3007 lines dropped: a function may print 1000 a second',
  ]);
  recorder.line(source, line);
  expect(entries.at(-1)?.kind).toBe('line');
  for (let second = 0; second < 4; second++) pass(1_000);
  expect(entries.filter(({ kind }) => kind === 'notice')).toHaveLength(1);
  // Nothing is kept of functions that print no more.
  expect(timers).toEqual([]);
});

it('keeps its part of the lines where other data processes have workers of the app', () => {
  const { recorder, entries } = createRecorder(4);
  for (let count = 0; count < 5_000; count++) recorder.line(source, line);
  expect(entries).toHaveLength(500);
});

it('bounds how much a function prints, so that long lines leave room for those of others', () => {
  const { recorder, entries, pass } = createRecorder();
  const long = { ...line, text: 'x'.repeat(8 * 1024), fields: `{"a":"${'x'.repeat(8 * 1024)}"}` };
  for (let count = 0; count < 1_000; count++) recorder.line(source, long);
  const kept = entries.length;
  expect(kept).toBeGreaterThan(100);
  expect(kept * 16 * 1024).toBeLessThanOrEqual(2 * 1024 * 1024);
  recorder.line({ ...source, functionName: 'other' }, long);
  expect(entries).toHaveLength(kept + 1);
  pass(1_000);
  expect(entries.at(-1)).toMatchObject({
    kind: 'notice',
    text: `${1_000 - kept} lines dropped: a function may print 1 MiB a second`,
  });
  recorder.line(source, long);
  expect(entries.at(-1)?.kind).toBe('line');
});

it('admits lines before they are parsed, by what the function and the app may print in a second', () => {
  const { recorder, entries, pass, timers } = createRecorder();
  const functions = Array.from({ length: 6 }, (_, index) => ({
    ...source,
    functionName: `f${index}`,
  }));
  const admitted = functions.map((one) => {
    let count = 0;
    for (let asked = 0; asked < 3_000; asked++) if (recorder.admits(one, 200)) count++;
    return count;
  });
  expect(admitted, 'each its own, and all the double of a second').toEqual([2_000, 2_000, 2_000, 2_000, 0, 0]); // prettier-ignore
  expect(recorder.admits({ ...source, appName: 'neighbour', deployment: 'dep-2' }, 200)).toBe(true);
  recorder.line(functions[0] ?? source, line, true);
  recorder.leftOut(functions[0] ?? source, 500);
  expect(entries, 'what was admitted has been counted').toHaveLength(1);
  pass(1_000);
  const told = entries.filter(({ kind }) => kind === 'notice').map(({ functionName, text }) => [functionName, text]); // prettier-ignore
  expect(told[0]).toEqual(['f0', '1500 lines dropped: a function may print 1000 a second']);
  expect(told.at(-1)).toEqual(['f5', '2000 lines dropped: the functions of an app may print 4000 and 4 MiB a second together']); // prettier-ignore
  for (let second = 0; second < 4; second++) pass(1_000);
  expect(timers).toEqual([]);
  for (let count = 0; count < 2_000; count++)
    expect(recorder.admits(functions[5] ?? source, 1)).toBe(true);
});

it('reports an invocation as Lambda does, with the memory that was told right behind the answer', async () => {
  const { recorder, entries } = createRecorder();
  const worker = { peakMemoryKib: 0 };
  recorder.ended(target, { ...answered, coldStartMs: 80.5, worker });
  worker.peakMemoryKib = 50_000;
  await settled();
  expect(entries).toMatchObject([{ kind: 'report', level: 'info', requestId: 'req' }]);
  expect(entries[0]?.text).toBe(
    'REPORT RequestId: req Duration: 12.35 ms Billed Duration: 93 ms Memory Size: 128 MB Max Memory Used: 49 MB Init Duration: 80.50 ms',
  );
  expect(JSON.parse(entries[0]?.fields ?? '')).toEqual({
    status: 200,
    outcome: 'ok',
    durationMs: 12.35,
    billedDurationMs: 93,
    memorySizeMb: 128,
    maxMemoryUsedMb: 49,
    initDurationMs: 80.5,
  });
});

it.each([
  [
    { kind: 'threw', errorType: 'TypeError', message: 'no', stack: 'TypeError: no\n    at f' },
    'TypeError: no\n    at f',
  ],
  [{ kind: 'timeout', timeoutMs: 3_000 }, 'Timeout: Task timed out after 3.00 seconds'],
  [
    { kind: 'out-of-memory', memoryMib: 128 },
    'OutOfMemory: Worker ran out of memory (limit 128 MB)',
  ],
  [
    { kind: 'worker-gone', message: 'Worker exited with code 3' },
    'WorkerExit: Worker exited with code 3',
  ],
] as const)('tells why an invocation failed: %j', async (failure, text) => {
  const { recorder, entries } = createRecorder();
  recorder.ended(target, { ...answered, status: 502, failure });
  await settled();
  expect(entries.map(({ kind, level }) => [kind, level])).toEqual([
    ['failure', 'error'],
    ['report', 'info'],
  ]);
  expect(entries[0]?.text).toBe(text);
  expect(JSON.parse(entries[1]?.fields ?? '')).toMatchObject({
    status: 502,
    outcome: failure.kind,
  });
});

it('leaves out reports of a busy function, and says how many', async () => {
  const { recorder, entries, pass } = createRecorder();
  for (let count = 0; count < 1_000; count++) recorder.ended(target, answered);
  await settled();
  expect(entries).toHaveLength(400);
  pass(1_000);
  expect(entries.at(-1)?.text).toBe('600 reports left out: 200 a second are kept');
});
