import fc from 'fast-check';
import { expect, it } from 'vitest';
import { problemOfJson } from '../../src/api/strict-json.ts';

it.each([
  ['{"a":1,"a":2}', '"a" twice'],
  ['{"a":1, "\\u0061" : 2}', '"a" twice'],
  ['[{"x":{"b":[],"b":{}}}]', '"b" twice'],
  ['{"":1,"":2}', '"" twice'],
  ['['.repeat(10_000), 'nested'],
  ['{"a":'.repeat(10_000), 'nested'],
])('tells what is wrong with %.40s', (text, problem) => {
  expect(problemOfJson(text)).toContain(problem);
});

it.each([
  '{"a":{"a":{"a":1}},"b":["a","a"]}',
  '{"a":"\\"a\\":1,\\"a\\":2"}',
  '{"a":1,"A":2,"a ":3}',
  `${'['.repeat(32)}${']'.repeat(32)}`,
  '"',
  '"\\',
  '}}}]]]',
  '{"a',
  '',
])('leaves %s to the parser', (text) => {
  expect(problemOfJson(text)).toBeNull();
});

it('finds nothing in what JSON.stringify writes, and everything that is said twice', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.string(), (value, name) => {
      const key = JSON.stringify(name);
      const text = JSON.stringify(value, null, 1);
      expect(problemOfJson(text)).toBeNull();
      expect(problemOfJson(`{${key}:${text},${key}:${text}}`)).toContain('twice');
    }),
  );
});

it('reads a megabyte of quotes and brackets in one pass', () => {
  expect(problemOfJson(`["${'\\"'.repeat(500_000)}"]`)).toBeNull();
  expect(problemOfJson(`[${'[],'.repeat(300_000)}0]`)).toBeNull();
});
