import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  GREATEST_VALUE,
  LEAST_VALUE,
  QuantileSketch,
  RELATIVE_ERROR,
} from '../../src/std/quantile-sketch.ts';

const PARTS = [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1];
/** For what doubles themselves get wrong at the borders of bins. */
const ALLOWED_ERROR = RELATIVE_ERROR * (1 + 1e-9);

/** Over all orders of magnitude alike: in milliseconds, from microseconds to hours. */
const value = fc
  .double({ min: Math.log(LEAST_VALUE), max: Math.log(GREATEST_VALUE) * 0.999, noNaN: true })
  .map(Math.exp);
const values = fc.array(value, { minLength: 1, maxLength: 300 });

function sketchOf(added: readonly number[]): QuantileSketch {
  const sketch = new QuantileSketch();
  for (const one of added) sketch.add(one);
  return sketch;
}

function exactQuantile(all: readonly number[], part: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil(part * sorted.length) - 1, 0)] ?? 0;
}

it('tells each quantile of what several processes have seen within the error it promises', () => {
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 5 }), (processes) => {
      const merged = new QuantileSketch();
      for (const seen of processes) {
        const decoded = QuantileSketch.decode(sketchOf(seen).encode());
        merged.merge(decoded ?? expect.fail('what was encoded is a sketch'));
      }
      const all = processes.flat();
      expect(merged.count).toBe(all.length);
      for (const part of PARTS) {
        const exact = exactQuantile(all, part);
        expect(Math.abs(merged.quantile(part) - exact) / exact).toBeLessThanOrEqual(ALLOWED_ERROR);
      }
    }),
  );
});

it('is the same whichever way it is merged', () => {
  fc.assert(
    fc.property(values, values, (first, second) => {
      const merged = sketchOf(first);
      merged.merge(sketchOf(second));
      expect(merged.encode()).toEqual(sketchOf([...second, ...first]).encode());
    }),
  );
});

it('has an answer for nothing, for less than it tells apart, and for more than it knows', () => {
  expect(new QuantileSketch().quantile(0.5)).toBe(0);
  expect(sketchOf([0, -1, Number.NaN, 1e-9]).quantile(1)).toBe(LEAST_VALUE);
  const beyond = sketchOf([GREATEST_VALUE * 1000, Infinity]).quantile(0.5);
  expect(Math.abs(beyond - GREATEST_VALUE) / GREATEST_VALUE).toBeLessThanOrEqual(ALLOWED_ERROR);
});

it('forgets all when it is cleared', () => {
  const sketch = sketchOf([1, 2, 3]);
  sketch.clear();
  expect(sketch.encode()).toHaveLength(0);
  expect(sketch.count).toBe(0);
});

it('keeps counts beyond 32 bits', () => {
  const sketch = sketchOf([5]);
  for (let doubled = 0; doubled < 40; doubled++) {
    sketch.merge(QuantileSketch.decode(sketch.encode()) ?? expect.fail('it is a sketch'));
  }
  expect(sketch.count).toBe(2 ** 40);
});

it.each([
  ['a bin without its count', [3]],
  ['a number that does not end', [0x80, 0x80]],
  ['a number of too many bytes', [0, ...Array.from({ length: 9 }, () => 0xff), 1]],
  ['a bin beyond the last', [0xff, 0x7f, 1]],
  ['a count of none', [0, 0]],
])('takes %s for no sketch', (_what, bytes) => {
  expect(QuantileSketch.decode(Uint8Array.from(bytes))).toBeNull();
});

it('decodes any bytes to a sketch that encodes to the same, or to none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const sketch = QuantileSketch.decode(bytes);
      if (sketch === null) return;
      expect(QuantileSketch.decode(sketch.encode())?.count).toBe(sketch.count);
    }),
  );
});

it('tells of a few values the slowest for a high percentile, not a faster one', () => {
  const [fast, slow] = [10, 100];
  const two = sketchOf([fast, slow]);
  expect(two.quantile(0.5)).toBeCloseTo(fast, 0);
  expect(Math.abs(two.quantile(0.95) - slow) / slow).toBeLessThanOrEqual(ALLOWED_ERROR);
  const ten = sketchOf([...Array.from({ length: 9 }, () => fast), slow]);
  expect(ten.quantile(0.9)).toBeCloseTo(fast, 0);
  expect(Math.abs(ten.quantile(0.99) - slow) / slow).toBeLessThanOrEqual(ALLOWED_ERROR);
});
