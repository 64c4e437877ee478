import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamSlots } from '../../src/pool/stream-slots.ts';

describe('StreamSlots', () => {
  it('finds nothing for a stream whose slot has a new owner', () => {
    const slots = new StreamSlots<string>(1);
    const first = slots.take('first', 0);
    slots.release(first);
    const second = slots.take('second', 0);
    expect(second).not.toBe(first);
    expect(slots.get(first)).toBeNull();
    expect(slots.release(first)).toBe(false);
    expect(slots.get(second)).toBe('second');
  });

  it('finds nothing for a stream however many turns of the table later', () => {
    const slots = new StreamSlots<number>(32);
    const late = slots.take(-1, 0);
    slots.release(late);
    const found: unknown[] = [];
    // More than any id cut to 16 bits would tell apart.
    for (let turn = 0; turn < 70_000; turn++) {
      const stream = slots.take(turn, 0);
      if (slots.get(late) !== null || slots.release(late)) found.push(turn);
      slots.release(stream);
    }
    expect(found).toEqual([]);
  });

  it('keeps the slot of an abandoned stream until it is released', () => {
    const slots = new StreamSlots<string>(2);
    const stream = slots.take('gone', 0);
    slots.abandon(stream);
    expect([slots.get(stream), slots.has(stream), slots.room]).toEqual([null, true, 1]);
    slots.release(stream);
    expect([slots.has(stream), slots.room]).toEqual([false, 2]);
  });

  it('never gives an id twice, and says when they run out', () => {
    const slots = new StreamSlots<number>(2 ** 20);
    let last = 0;
    while (!slots.isSpent) {
      const stream = slots.take(0, 0);
      expect(stream).not.toBe(last);
      last = stream;
      slots.release(stream);
    }
    expect(slots.room).toBe(0);
  });

  it('knows what has run since when', () => {
    const slots = new StreamSlots<string>(4);
    const early = slots.take('early', 10);
    slots.take('late', 20);
    expect(slots.startedBefore(15)).toEqual([early]);
    expect(slots.oldestStartMs()).toBe(10);
  });

  it('gives each value back to exactly the stream that it was taken for', () => {
    const steps = fc.array(fc.record({ isTake: fc.boolean(), pick: fc.nat() }), { maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), steps, (size, list) => {
        const slots = new StreamSlots<number>(size);
        const live = new Map<number, number>();
        const over = new Set<number>();
        for (const [value, { isTake, pick }] of list.entries()) {
          if (isTake && slots.room > 0) {
            const stream = slots.take(value, value);
            expect(live.has(stream) || over.has(stream)).toBe(false);
            live.set(stream, value);
          } else if (live.size > 0) {
            const stream = [...live.keys()][pick % live.size] ?? 0;
            expect(slots.get(stream)).toBe(live.get(stream));
            slots.release(stream);
            live.delete(stream);
            over.add(stream);
          }
        }
        for (const stream of over) expect(slots.has(stream)).toBe(false);
        expect(slots.taken).toBe(live.size);
      }),
    );
  });
});
