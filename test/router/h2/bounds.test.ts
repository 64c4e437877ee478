import { describe, expect, it } from 'vitest';
import { H2_LIMITS, shareOfStreams } from '../../../src/router/h2/limits.ts';
import { OverheadWatch, type Traffic } from '../../../src/router/h2/overhead.ts';
import { ResetBudget } from '../../../src/router/h2/reset-budget.ts';

describe('resets', () => {
  const limits = { burst: 10, perSecond: 2 };

  it('may come at once as far as the burst goes', () => {
    const budget = new ResetBudget(limits, 0);
    expect(Array.from({ length: 11 }, () => budget.take(0))).toEqual([
      ...Array.from({ length: 10 }, () => true),
      false,
    ]);
  });

  it('come back with time, and no more than the burst', () => {
    const budget = new ResetBudget(limits, 0);
    for (let count = 0; count < 10; count++) budget.take(0);
    expect([budget.take(1_000), budget.take(1_000), budget.take(1_000)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(Array.from({ length: 11 }, () => budget.take(60_000)).at(-1)).toBe(false);
  });
});

describe('overhead', () => {
  const { overhead } = H2_LIMITS;
  const second = (traffic: Partial<Traffic>): boolean => {
    const watch = new OverheadWatch(overhead, 0);
    const all = { receivedBytes: 0, sentBytes: 0, bodyBytes: 0, streams: 0, ...traffic };
    return watch.isTooMuch(all, 1_000);
  };
  const MIB = 1024 * 1024;

  it.each([
    ['10,000 pings in a second', { receivedBytes: 10_000 * 17, sentBytes: 10_000 * 17 }, true],
    ['1,000 pings in a second', { receivedBytes: 1_000 * 17, sentBytes: 1_000 * 17 }, false],
    ['20,000 empty DATA frames', { receivedBytes: 20_000 * 9, streams: 1 }, true],
    ['windows of one byte', { receivedBytes: 15_000 * 13, sentBytes: 15_000 * 10 }, true],
    [
      'an upload in frames of 16 KiB',
      { receivedBytes: 1_001 * MIB, bodyBytes: 1_000 * MIB },
      false,
    ],
    ['an upload byte by byte', { receivedBytes: 10 * MIB, bodyBytes: MIB }, true],
    [
      'a download, with a window for each 16 KiB',
      { receivedBytes: 1.6 * MIB, sentBytes: 1_000 * MIB },
      false,
    ],
    ['10,000 requests', { receivedBytes: 5 * MIB, streams: 10_000 }, false],
  ])('%s', (_what, traffic, expected) => {
    expect(second(traffic)).toBe(expected);
  });

  it('adds up over looks', () => {
    const watch = new OverheadWatch(overhead, 0);
    const looks = [1, 2, 3].map((at) =>
      watch.isTooMuch(
        { receivedBytes: at * 100 * 1024, sentBytes: 0, bodyBytes: 0, streams: 0 },
        at * 1_000,
      ),
    );
    expect(looks).toEqual([false, true, true]);
  });
});

it('is divided among data processes', () => {
  expect(shareOfStreams(2)).toMatchObject({ maxStreamsPerPeer: 500, maxStreams: 10_000 });
});
