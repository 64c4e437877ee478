import { expect, it } from 'vitest';
import { createTurns } from '../../src/std/turns.ts';

const LIMITS = { atOnce: 2, waiting: 3 };

/** Work that says when it began, and ends when it is told to. */
function createWork() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => async (): Promise<string> => {
    begun.push(name);
    await new Promise<void>((resolve) => ends.set(name, resolve));
    return name;
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { begun, work, end };
}

it('lets some work at a time, and each owner once', async () => {
  const turns = createTurns(LIMITS);
  const { begun, work, end } = createWork();
  const all = ['a1', 'a2', 'b1', 'c1'].map((name) => turns.take(name.slice(0, 1), work(name)));
  await end('nothing');
  expect(begun).toEqual(['a1', 'b1']);
  await end('b1');
  expect(begun).toEqual(['a1', 'b1', 'c1']);
  await end('a1');
  expect(begun).toEqual(['a1', 'b1', 'c1', 'a2']);
  await end('a2');
  await end('c1');
  expect(await Promise.all(all)).toEqual(['a1', 'a2', 'b1', 'c1'].map((name) => ({ done: name })));
});

it('refuses the owner of too much that waits, and nobody else', async () => {
  const turns = createTurns(LIMITS);
  const { begun, work, end } = createWork();
  const first = turns.take('a', work('a'));
  const waiting = [1, 2, 3].map(() => turns.take('a', async () => 'waited'));
  expect(await turns.take('a', async () => 'too much')).toBeNull();
  expect(await turns.take('b', async () => 'other')).toEqual({ done: 'other' });
  expect(begun).toEqual(['a']);
  await end('a');
  await first;
  expect(await Promise.all(waiting)).toEqual([1, 2, 3].map(() => ({ done: 'waited' })));
});

it('goes on behind work that fails', async () => {
  const turns = createTurns(LIMITS);
  const failing = turns.take('a', async () => {
    throw new Error('failed');
  });
  const next = turns.take('a', async () => 'next');
  await expect(failing).rejects.toThrow('failed');
  expect(await next).toEqual({ done: 'next' });
});
