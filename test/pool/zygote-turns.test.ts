import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ZygoteTurns } from '../../src/pool/zygote-turns.ts';
import type { Zygote } from '../../src/pool/zygotes.ts';

/** Zygotes that come when the test says so; `asked` are the memories that were asked for, which tell who did. */
function createSlowZygotes() {
  const asked: number[] = [];
  const coming: PromiseWithResolvers<Zygote>[] = [];
  const turns = new ZygoteTurns({
    take: (memoryMib) => {
      asked.push(memoryMib);
      const one = Promise.withResolvers<Zygote>();
      coming.push(one);
      return one.promise;
    },
  });
  const next = async (how: 'comes' | 'fails'): Promise<void> => {
    const one = coming.shift();
    if (how === 'comes') one?.resolve({} as Zygote);
    else one?.reject(new Error('none today'));
    await setImmediate();
  };
  return { turns, asked, next };
}

describe('zygotes for many apps', () => {
  it('go to who waits beside an app that wants many, as soon as one comes', async () => {
    const { turns, asked, next } = createSlowZygotes();
    const greedy = Array.from({ length: 8 }, () => turns.of('greedy').take(1));
    const modest = turns.of('modest').take(2);
    expect(asked).toEqual([1, 1, 1, 1]);
    await next('comes');
    expect(asked).toEqual([1, 1, 1, 1, 2]);
    for (let times = 0; times < 4; times++) await next('comes');
    await modest;
    for (let times = 0; times < 4; times++) await next('comes');
    await Promise.all(greedy);
    expect(asked.filter((memoryMib) => memoryMib === 1)).toHaveLength(8);
  });

  it('are shared between two that want many', async () => {
    const { turns, asked, next } = createSlowZygotes();
    const all = [1, 2].flatMap((app) =>
      Array.from({ length: 6 }, () => turns.of(`app${app}`).take(app)),
    );
    for (let times = 0; times < 12; times++) await next('comes');
    await Promise.all(all);
    expect(asked).toEqual([1, 1, 1, 1, 2, 2, 1, 1, 2, 2, 2, 2]);
  });

  it('come to the next when one cannot be had, and at once when nobody waits', async () => {
    const { turns, asked, next } = createSlowZygotes();
    const all = Array.from({ length: 5 }, () => turns.of('one').take(1));
    const settled = Promise.allSettled(all);
    for (let times = 0; times < 5; times++) await next(times === 0 ? 'fails' : 'comes');
    expect((await settled).map(({ status }) => status).toSorted()[4]).toBe('rejected');
    void turns.of('other').take(2);
    expect(asked).toEqual([1, 1, 1, 1, 1, 2]);
  });
});
