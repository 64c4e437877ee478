import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNeedleIndex, MIN_NEEDLE_CHARACTERS } from '../../src/protocol/needle-index.ts';

/** Few different characters, so that needles begin alike, hold each other, and occur. */
const ALIKE = fc.constantFrom('a', 'b', '\ud800', '€');
const needle = fc.string({ unit: ALIKE, minLength: MIN_NEEDLE_CHARACTERS, maxLength: 8 });

function findSlowly(needles: string[], text: string, from: number) {
  for (let at = from; at < text.length; at++) {
    const here = needles.filter((one) => text.startsWith(one, at));
    const [longest] = here.sort((a, b) => b.length - a.length);
    if (longest !== undefined) return { at, length: longest.length, replacement: longest };
  }
  return null;
}

const MAX_PROCESSOR_SECONDS = 10;

describe('a needle index', () => {
  it('finds the first place at which a needle stands, and the longest there', () => {
    const haystack = fc.string({ unit: ALIKE, maxLength: 60 });
    fc.assert(
      fc.property(fc.array(needle, { maxLength: 30 }), haystack, fc.nat(5), (texts, text, from) => {
        const index = createNeedleIndex(texts.map((one) => ({ text: one, replacement: one })));
        expect(index.find(text, from)).toEqual(findSlowly(texts, text, from));
      }),
    );
  });

  it('takes the whole of a long needle, and the beginning of one that is cut', () => {
    const long = 'The quick brown fox. '.repeat(100);
    const index = createNeedleIndex([{ text: long, replacement: 'LONG' }]);
    expect(index.find(`>${long}<`, 0)).toEqual({ at: 1, length: long.length, replacement: 'LONG' });
    expect(index.find(`>${long.slice(0, 1_000)}`, 0)).toMatchObject({ at: 1, replacement: 'LONG' });
    expect(index.find(long.slice(0, 200), 0)).toBeNull();
  });

  it('is not slowed down by thousands of needles and a text that are nearly alike', () => {
    const alike = Array.from({ length: 20_000 }, (_, number) => `aaaaaa${number}`);
    const nested = Array.from({ length: 250 }, (_, length) => `${'a'.repeat(length)}aab`);
    const texts = [...alike, ...nested];
    const before = process.cpuUsage();
    const index = createNeedleIndex(texts.map((text) => ({ text, replacement: '' })));
    expect(index.find('a'.repeat(200_000), 0)).toBeNull();
    // Of the processor, which others may have for most of the time: about one is usual.
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000_000).toBeLessThan(MAX_PROCESSOR_SECONDS);
  });
});
