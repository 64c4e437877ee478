import { expect, it } from 'vitest';
import type { FunctionDelta } from '../../src/protocol/metrics.ts';
import { QuantileSketch } from '../../src/std/quantile-sketch.ts';
import { MetricsRecorder } from '../../src/telemetry/index.ts';
import { invocationEnd, invocationTarget } from '../support/invocation-end.ts';

function only(recorder: MetricsRecorder): FunctionDelta {
  const [delta, ...others] = recorder.drain();
  expect(others).toEqual([]);
  return delta ?? expect.fail('nothing was counted');
}

function sketchOf(text: string): QuantileSketch {
  return QuantileSketch.decode(Buffer.from(text, 'base64')) ?? expect.fail('no sketch');
}

it('counts what each invocation was: answered, failed, refused, or left by its client', () => {
  const recorder = new MetricsRecorder();
  const target = invocationTarget();
  const nobody = { worker: null, durationMs: 0 };
  const ends = [
    invocationEnd({ requestBytes: 3, responseBytes: 5 }),
    invocationEnd({ status: 503, responseBytes: 2 }),
    invocationEnd({ status: null }),
    invocationEnd({ failure: { kind: 'threw', errorType: 'Error', message: '', stack: '' } }),
    invocationEnd({ failure: { kind: 'timeout', timeoutMs: 1 } }),
    invocationEnd({ failure: { kind: 'out-of-memory', memoryMib: 128 } }),
    invocationEnd({ failure: { kind: 'worker-gone', message: '' } }),
    // It ended before it had begun what was sent ahead.
    invocationEnd({ ...nobody, failure: { kind: 'worker-gone', message: '' } }),
    invocationEnd({
      ...nobody,
      failure: { kind: 'init-failed', failure: { reason: 'threw', message: '', stack: '' } },
    }),
    invocationEnd({ ...nobody, failure: { kind: 'queue-full', retryAfterMs: 1 } }),
    invocationEnd({ ...nobody, failure: { kind: 'queue-timeout', retryAfterMs: 1 } }),
    invocationEnd({ ...nobody, status: null }),
  ];
  for (const end of ends) recorder.ended(target, end);
  const { figures, durations } = only(recorder);
  expect(figures).toMatchObject({
    invocations: 9,
    throws: 1,
    timeouts: 1,
    crashes: 2,
    outOfMemory: 1,
    startFailures: 1,
    serverErrors: 1,
    refused: 2,
    abandoned: 1,
    requestBytes: 3,
    responseBytes: 7,
  });
  expect(sketchOf(durations).count).toBe(7);
});

it('bills whole milliseconds with the start, by the memory that the function may have', () => {
  const recorder = new MetricsRecorder();
  const target = invocationTarget();
  recorder.ended(target, invocationEnd({ durationMs: 10.2, coldStartMs: 50.1 }));
  recorder.ended(target, invocationEnd({ durationMs: 0.3 }));
  const { figures, coldStarts } = only(recorder);
  expect(figures).toMatchObject({
    durationMs: 10.5,
    maxDurationMs: 10.2,
    billedMs: 62,
    billedMibMs: 62 * 128,
    coldStarts: 1,
    coldStartMs: 50.1,
  });
  expect(sketchOf(coldStarts).count).toBe(1);
});

it('knows the memory of each worker as it was told last', () => {
  const recorder = new MetricsRecorder();
  const target = invocationTarget();
  const [small, large] = [{ peakMemoryKib: 0 }, { peakMemoryKib: 0 }];
  recorder.ended(target, invocationEnd({ worker: large }));
  large.peakMemoryKib = 90_000;
  recorder.ended(target, invocationEnd({ worker: small }));
  small.peakMemoryKib = 40_000;
  expect(only(recorder).figures.maxMemoryKib).toBe(90_000);
});

it('tells each count once, functions and deployments apart', () => {
  const recorder = new MetricsRecorder();
  const [first, second] = [invocationTarget('first'), invocationTarget('second')];
  recorder.ended(first, invocationEnd());
  recorder.ended(second, invocationEnd());
  expect([...recorder.drain()].map(({ functionName }) => functionName)).toEqual([
    'first',
    'second',
  ]);
  recorder.ended(first, invocationEnd());
  expect(only(recorder)).toMatchObject({ functionName: 'first', figures: { invocations: 1 } });
  expect([...recorder.drain()]).toEqual([]);
  recorder.ended(first, invocationEnd());
  expect(only(recorder).figures.invocations).toBe(1);
});

it('counts no more functions at a time than it has room for, and says how much it did not count', () => {
  const recorder = new MetricsRecorder(2_000);
  recorder.ended(invocationTarget('first'), invocationEnd());
  recorder.ended(invocationTarget('second'), invocationEnd());
  expect(only(recorder).functionName).toBe('first');
  expect(recorder.takeUncounted()).toBe(1);
  expect(recorder.takeUncounted()).toBe(0);
});
