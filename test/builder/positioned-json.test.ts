import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  JsonSyntaxError,
  parsePositionedJson,
  positionAt,
  toPlainValue,
} from '../../src/builder/positioned-json.ts';

const parse = (text: string): unknown => toPlainValue(parsePositionedJson(text));

test('all that JSON.parse reads is read alike', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(3), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      expect(JSON.stringify(parse(text))).toBe(JSON.stringify(JSON.parse(text)));
    }),
  );
});

test('no text breaks the parser in another way than by a syntax error', () => {
  const text = fc.string({ unit: fc.constantFrom(...'{}[]",:/*\n\\ a1-.e'.split('')) });
  fc.assert(
    fc.property(text, (source) => {
      try {
        parsePositionedJson(source);
      } catch (error) {
        expect(error).toBeInstanceOf(JsonSyntaxError);
        expect((error as JsonSyntaxError).at).toBeLessThanOrEqual(source.length);
      }
    }),
  );
});

test.each([
  ['{ // one\n "a": /* two */ 1, }', { a: 1 }],
  ['[1, 2,]', [1, 2]],
  ['\uFEFF{"a": "// no comment"}', { a: '// no comment' }],
])('%j is read', (text, value) => {
  expect(parse(text)).toEqual(value);
});

test.each([
  ['', 0],
  ['{"a" 1}', 5],
  ['{"a": 1 "b": 2}', 8],
  ['{"a": 1, "a": 2}', 9],
  ["{'a': 1}", 1],
  ['{"a": tru}', 6],
  ['{"a": 1} x', 9],
  ['/* open', 0],
  ['['.repeat(100), 65],
])('%j is refused at %i', (text, at) => {
  expect(() => parsePositionedJson(text)).toThrowError(expect.objectContaining({ at }));
});

test('an offset becomes line and column', () => {
  expect(positionAt('ab\ncd\n', 4)).toEqual({ line: 2, column: 2 });
  expect(positionAt('ab', 0)).toEqual({ line: 1, column: 1 });
});
