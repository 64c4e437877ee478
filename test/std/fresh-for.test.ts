import { expect, it } from 'vitest';
import { freshFor } from '../../src/std/fresh-for.ts';

function reading(...answers: (() => Promise<number>)[]) {
  let nowMs = 0;
  let asked = 0;
  const read = freshFor(1_000, { monotonicMs: () => nowMs }, () => {
    const answer = answers[asked++];
    return answer === undefined ? Promise.resolve(asked) : answer();
  });
  return { read, pass: (ms: number) => void (nowMs += ms) };
}

it('reads once for all who ask within its time, and again afterwards', async () => {
  const { read, pass } = reading();
  expect(await Promise.all([read(), read()])).toEqual([1, 1]);
  pass(999);
  expect(await read()).toBe(1);
  pass(1);
  expect(await read()).toBe(2);
});

it('does not keep a failure', async () => {
  const { read } = reading(() => Promise.reject(new Error('away')));
  await expect(read()).rejects.toThrow('away');
  expect(await read()).toBe(2);
});
