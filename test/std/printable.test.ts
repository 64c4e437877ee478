import { describe, expect, it } from 'vitest';
import { printable, printableLine } from '../../src/std/printable.ts';

describe('printable text', () => {
  it.each([
    ['a colour', '\u001b[31mred\u001b[0m', 'red'],
    ['a colour in 8 bits', '\u009b31mred\u009b0m', 'red'],
    ['a cleared screen', 'a\u001b[2Jb\rc', 'abc'],
    ['a title', '\u001b]0;title\u0007shown', 'shown'],
    ['a title in 8 bits', '\u009d0;title\u009cshown', 'shown'],
    ['a link', '\u001b]8;;http://evil\u001b\\link\u001b]8;;\u001b\\', 'link'],
    ['a device control string', '\u001bP$q"p\u001b\\shown', 'shown'],
    ['a reset and another character set', '\u001bca\u001b(0b', 'ab'],
    ['a sequence without an end', 'a\u001b[31', 'a31'],
    ['a sequence around another', '\u001b\u001b[31m[2Jx', '[2Jx'],
    ['brackets after a new line', 'a\n[x] b', 'a[x] b'],
    ['other control characters', 'a\tb\r\nc\u0000\u0008', 'a\tbc'],
    ['turned text', '\u202eturned\u2066', 'turned'],
    ['other separators of lines', 'a\u2028b\u2029c', 'abc'],
    ['other writing', 'größe 日本 🚀', 'größe 日本 🚀'],
  ])('has nothing that a terminal obeys: %s', (_, raw, shown) => {
    expect(printable(raw)).toBe(shown);
  });

  it('is cut to a line of a length', () => {
    expect(printableLine('a\tb', 4)).toBe('a  b');
    expect(printableLine('abcde', 4)).toBe('abc…');
    expect(printableLine('ab🚀de', 4)).toBe('ab\ufffd…');
  });
});
