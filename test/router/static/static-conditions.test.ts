import { describe, expect, it } from 'vitest';
import {
  evaluateConditions,
  type ConditionFields,
} from '../../../src/router/static/static-conditions.ts';

const NONE: ConditionFields = {
  ifMatch: undefined,
  ifNoneMatch: undefined,
  ifRange: undefined,
  range: undefined,
};
const STORED = { etag: '"abc"', bytes: 1000 };

function evaluate(fields: Partial<ConditionFields>, method: 'GET' | 'HEAD' = 'GET') {
  return evaluateConditions({ ...NONE, ...fields }, method, STORED);
}

describe('If-None-Match', () => {
  it.each([
    ['"abc"', 304],
    ['W/"abc"', 304],
    ['*', 304],
    [' "x" , "abc"', 304],
    ['"x,", W/"abc" ,', 304],
    [',, "abc"', 304],
    ['"abc-br"', 200],
    ['"x"', 200],
    ['abc', 200],
    ['"x", abc', 200],
    ['', 200],
    ['"ab', 200],
    ['w/"abc"', 200],
    ['"x"; "abc"', 200],
  ])('%s: %i', (ifNoneMatch, status) => {
    expect(evaluate({ ifNoneMatch }).status).toBe(status);
    expect(evaluate({ ifNoneMatch }, 'HEAD').status).toBe(status);
  });

  it('comes before a range', () => {
    expect(evaluate({ ifNoneMatch: '"abc"', range: 'bytes=0-1' }).status).toBe(304);
  });

  it('takes no longer than its length, however it is written', () => {
    const tags = `${'"x" ,'.repeat(3_000)} "abc"`;
    expect(evaluate({ ifNoneMatch: tags }).status).toBe(304);
    expect(evaluate({ ifNoneMatch: `"${' '.repeat(15_000)}` }).status).toBe(200);
    expect(evaluate({ ifNoneMatch: `${' '.repeat(15_000)}x` }).status).toBe(200);
  });
});

describe('If-Match', () => {
  it.each([
    ['"abc"', 200],
    ['*', 200],
    ['"x", "abc"', 200],
    ['W/"abc"', 412],
    ['"x"', 412],
  ])('%s: %i', (ifMatch, status) => {
    expect(evaluate({ ifMatch }).status).toBe(status);
  });
});

describe('Range', () => {
  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=0-499', 0, 499],
    ['bytes=500-', 500, 999],
    ['bytes=-1', 999, 999],
    ['bytes=-5000', 0, 999],
    ['bytes=990-2000', 990, 999],
    ['bytes=990-99999999999999999999999', 990, 999],
    ['BYTES = 1 - 2', 1, 2],
  ])('%s is bytes %i to %i', (range, start, end) => {
    expect(evaluate({ range })).toEqual({ status: 206, start, end });
  });

  it.each(['bytes=1000-', 'bytes=1000-1001', 'bytes=-0', 'bytes=99999999999999999999-'])(
    '%s cannot be satisfied',
    (range) => {
      expect(evaluate({ range })).toEqual({ status: 416 });
    },
  );

  it.each([
    'bytes=5-4',
    'bytes=-',
    'bytes=',
    'bytes=a-b',
    'bytes=1',
    'lines=0-1',
    '0-1',
    'bytes=0x1-2',
  ])('%s is no range and is ignored', (range) => {
    expect(evaluate({ range })).toEqual({ status: 200 });
  });

  it.each(['bytes=0-1,4-5', 'bytes=0-,0-,0-', 'bytes=0-1, bytes=2-3'])(
    '%s asks for several, which gives the whole',
    (range) => {
      expect(evaluate({ range })).toEqual({ status: 200 });
    },
  );

  it('means nothing for HEAD, nor for an empty file', () => {
    expect(evaluate({ range: 'bytes=0-1' }, 'HEAD')).toEqual({ status: 200 });
    const empty = { etag: '"e"', bytes: 0 };
    expect(evaluateConditions({ ...NONE, range: 'bytes=0-' }, 'GET', empty)).toEqual({
      status: 200,
    });
  });

  it.each([
    ['"abc"', 206],
    ['W/"abc"', 200],
    ['"x"', 200],
    ['Sun, 22 Nov 2026 00:00:00 GMT', 200],
  ])('with If-Range %s: %i', (ifRange, status) => {
    expect(evaluate({ ifRange, range: 'bytes=0-1' }).status).toBe(status);
  });
});
