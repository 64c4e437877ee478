import { expect, it } from 'vitest';
import { BuildQueue } from '../../src/build/build-queue.ts';

/** Asks for a turn; tells the order in which turns came, and the places that were told last. */
function line(slots: number) {
  const queue = new BuildQueue(slots);
  const started: string[] = [];
  const places: Record<string, number> = {};
  const releases = new Map<string, () => void>();
  return {
    started,
    places,
    take: async (name: string, signal: AbortSignal = new AbortController().signal) => {
      const app = name.charAt(0);
      const release = await queue.take(app, (ahead) => void (places[name] = ahead), signal);
      started.push(name);
      releases.set(name, release);
    },
    end: async (name: string) => {
      releases.get(name)?.();
      await new Promise((next) => setImmediate(next));
    },
  };
}

it('lets apps take turns, however many builds one of them asked for before', async () => {
  const { take, end, started, places } = line(1);
  const all = ['a1', 'a2', 'a3', 'b1', 'c1', 'b2'].map((name) => take(name));
  await all[0];
  expect(places).toEqual({ b1: 1, c1: 2, b2: 3, a2: 4, a3: 5 });
  for (const name of ['a1', 'b1', 'c1', 'a2', 'b2', 'a3']) await end(name);
  await Promise.all(all);
  expect(started).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
});

it('counts what an app has running before it gives it another slot', async () => {
  const { take, end, started } = line(2);
  const all = ['a1', 'a2', 'a3', 'b1'].map((name) => take(name));
  await all[0];
  await end('a1');
  expect(started).toEqual(['a1', 'a2', 'b1']);
  await end('a2');
  await all[2];
  expect(started).toEqual(['a1', 'a2', 'b1', 'a3']);
});

it('refuses an app that has too many waiting, and takes those of another', async () => {
  const { take, places } = line(1);
  await take('a0');
  const cancel = new AbortController();
  const waiting = Array.from({ length: 40 }, (_, index) => take(`a${index + 1}`, cancel.signal));
  await expect(take('a41')).rejects.toMatchObject({
    code: 'busy',
    message: expect.stringContaining('of this app') as string,
  });
  const other = take('b1', cancel.signal);
  expect(places['b1']).toBe(1);
  cancel.abort();
  await Promise.allSettled([...waiting, other]);
});
