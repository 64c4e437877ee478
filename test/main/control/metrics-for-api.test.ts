import { expect, it } from 'vitest';
import { createMetricsForApi } from '../../../src/main/control/metrics-for-api.ts';

function setUp() {
  const clock = { now: 10_000, monotonicMs: () => clock.now };
  const flushes: (() => void)[] = [];
  const data = {
    flushMetrics: () => new Promise<void>((resolve) => flushes.push(resolve)),
    status: () => Promise.reject(new Error('away')),
  };
  const metrics = createMetricsForApi(data, clock, { debug: () => {} });
  const read = () => {
    const reading = { isDone: false, done: metrics.flush() };
    void reading.done.then(() => (reading.isDone = true));
    return reading;
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, flushes, read, settle };
}

it('has the first reader wait, and who comes meanwhile wait for the same', async () => {
  const { clock, flushes, read, settle } = setUp();
  const first = read();
  clock.now += 500;
  const second = read();
  await settle();
  expect([first.isDone, second.isDone, flushes.length]).toEqual([false, false, 1]);
  flushes[0]?.();
  await Promise.all([first.done, second.done]);
  expect(flushes).toHaveLength(1);
});

it('lets who reads on wait for nobody, four times a second at most', async () => {
  const { clock, flushes, read, settle } = setUp();
  const first = read();
  flushes[0]?.();
  await first.done;
  for (let at = 0; at < 10; at++) {
    clock.now += 100;
    await read().done;
    flushes.at(-1)?.();
    await settle();
  }
  expect(flushes).toHaveLength(4);
});

it('has a reader wait for a flush that began a second before it at the earliest', async () => {
  const { clock, flushes, read, settle } = setUp();
  void read();
  clock.now += 1_500;
  const late = read();
  flushes[0]?.();
  await settle();
  expect([late.isDone, flushes.length]).toEqual([false, 2]);
  flushes[1]?.();
  await late.done;
});
