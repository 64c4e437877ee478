import { describe, expect, it } from 'vitest';
import { beyondBounds, type Holder } from '../../src/router/held-answers.ts';

const BOUNDS = { perOwnerBytes: 100, inAllBytes: 150 };

function holders(owner: string, ...all: [bytes: number, takenAtMs: number][]): Holder[] {
  return all.map(([bytes, takenAtMs]) => ({ owner, bytes, takenAtMs }));
}

describe('what waits for clients', () => {
  it.each<[string, Holder[], number[]]>([
    ['nothing waits', [], []],
    ['it is within the bounds', holders('a', [40, 1], [60, 2]), []],
    ['one app has too much', holders('a', [40, 3], [40, 1], [40, 2]), [1]],
    ['one connection alone has too much', holders('a', [101, 1]), [1]],
    [
      'its neighbours have little',
      [...holders('a', [60, 1], [60, 2], [60, 3]), ...holders('b', [10, 0])],
      [2, 1],
    ],
    [
      'all together have too much',
      [...holders('a', [50, 1], [50, 2]), ...holders('b', [50, 3], [40, 4])],
      [3],
    ],
  ])('when %s is closed as far as it must be, of who waited longest', (_, all, closed) => {
    expect(beyondBounds(all, BOUNDS).map(({ takenAtMs }) => takenAtMs)).toEqual(closed);
  });

  it('is what is left of who has most, when many have some', () => {
    const all = [
      ...holders('small', [20, 0], [20, 0]),
      ...holders('middle', [50, 0]),
      ...holders('large', [50, 7], [50, 8]),
    ];
    expect(beyondBounds(all, BOUNDS)).toEqual(holders('large', [50, 7]));
  });
});
