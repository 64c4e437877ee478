import { describe, expect, it } from 'vitest';
import { createRefusalWatch } from '../../src/network/refusal-watch.ts';

/** A filter that prints what it is told to, and time that passes in steps of a look. */
function openWatch() {
  const filter = { printed: '', packets: 0 as number | null, looks: 0 };
  const waiting = new Set<() => void>();
  let nowMs = 0;
  const watch = createRefusalWatch({
    read: async () => {
      filter.looks += 1;
      return filter.printed;
    },
    packets: () => filter.packets,
    clock: {
      now: () => nowMs,
      monotonicMs: () => nowMs,
      after: (_, callback) => {
        waiting.add(callback);
        return () => waiting.delete(callback);
      },
    },
  });
  const told: string[] = [];
  const join = (slot: string, app: string): void =>
    watch.join(slot, app, (text) => void told.push(`${app} ${slot}: ${text}`));
  async function pass(looks: number): Promise<void> {
    for (let look = 0; look < looks; look += 1) {
      nowMs += 10_000;
      const due = [...waiting];
      waiting.clear();
      for (const callback of due) callback();
      await new Promise((resolve) => void setImmediate(resolve));
    }
  }
  return { watch, filter, told, join, pass, waits: () => waiting.size };
}

/** As nft prints it; the last is of a sandbox that has gone, and one number is nobody's. */
const PRINTED = `table inet filter {
	map refused {
		type ifname : mark
		size 4079
		flags dynamic,timeout
		timeout 1m
		elements = { "s1" expires 52s952ms : 0x00000002, "s12" expires 9s : 0x00000003,
			     "s3" expires 1s : 0x00000063, "s99" expires 1s : 0x00000001 }
	}
}`;

describe('the watch over refused connections', () => {
  it('tells the app of each sandbox that the filter names, and no other', async () => {
    const { filter, told, join, pass } = openWatch();
    for (const [slot, app] of ['s1 shop', 's12 blog', 's2 wiki', 's3 odd'].map((w) => w.split(' ')))
      join(slot ?? '', app ?? '');
    filter.printed = PRINTED;
    await pass(1);
    expect(told).toEqual([
      'shop s1: Connections are refused: a worker makes more than 100 new ones a second.',
      'blog s12: Connections are refused: the functions of this app have 4096, the most that one app may have.',
    ]);
  });

  it('tells an app once a minute, however many of its sandboxes are refused', async () => {
    const { filter, told, join, pass } = openWatch();
    join('s1', 'shop');
    join('s12', 'shop');
    filter.printed = PRINTED;
    filter.packets = null;
    await pass(6);
    expect(told).toHaveLength(1);
    await pass(1);
    expect(told).toHaveLength(2);
  });

  it('looks seldom while nothing comes out of sandboxes, and not at all without any', async () => {
    const { watch, filter, join, pass, waits } = openWatch();
    await pass(3);
    expect([filter.looks, waits()]).toEqual([0, 0]);
    join('s1', 'shop');
    await pass(5);
    expect(filter.looks).toBe(1);
    await pass(1);
    expect(filter.looks).toBe(2);
    filter.packets = 7;
    await pass(1);
    expect(filter.looks).toBe(3);
    watch.leave('s1');
    await pass(2);
    expect([filter.looks, waits()]).toEqual([3, 0]);
    join('s1', 'shop');
    watch.close();
    expect(waits()).toBe(0);
  });
});
