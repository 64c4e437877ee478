import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readRequestHead } from '../../../src/router/request-head.ts';
import { takeShareCookies, takeShareParameter } from '../../../src/router/private/share-fields.ts';

const SECRET = 'a2'.repeat(20);
const OTHER = 'b3'.repeat(20);

it.each([
  [`fn-share=${SECRET}`, null, [SECRET]],
  [`__Host-fn-share=${SECRET}`, null, [SECRET]],
  [`a=1; fn-share=${SECRET}; b="2 ;  c = 3`, 'a=1; b="2 ;  c = 3', [SECRET]],
  [`fn-share=${SECRET};__Host-fn-share=${OTHER};a=1`, 'a=1', [SECRET, OTHER]],
  ['a=1;fn-share=nonsense', 'a=1', []],
  ['a=1; fn-share=', 'a=1', []],
  [` fn-share = ${SECRET} ;x`, 'x', [SECRET]],
])(
  'takes the cookies of links out of %j, and leaves the others as they are',
  (value, rest, secrets) => {
    expect(takeShareCookies(value, [])).toEqual({ rest, secrets });
  },
);

it.each(['a=1', 'my-fn-share=1', 'fn-shared=1', 'a=fn-share=1', 'fn-share', 'FN-SHARE=1', ''])(
  'leaves %j alone',
  (value) => {
    expect(takeShareCookies(value, [])).toBeNull();
  },
);

it.each([
  [`/?fn-share=${SECRET}`, '/', SECRET],
  [`/a?x=1&fn-share=${SECRET}&y=%20`, '/a?x=1&y=%20', SECRET],
  [`/a?fn-share=${SECRET}&fn-share=${OTHER}&y`, '/a?y', SECRET],
  ['/a?fn-share', '/a', ''],
])('takes the parameter out of %j', (target, rest, secret) => {
  expect(takeShareParameter(target)).toEqual({ rest, secret });
});

it.each(['/', '/fn-share=1', '/?my-fn-share=1', '/?a=fn-share', '/?fn-shared=1'])(
  'finds none in %j',
  (target) => {
    expect(takeShareParameter(target)).toBeNull();
  },
);

it('lets no function see a secret, whichever header it came in', () => {
  const field = fc.constantFrom(
    ['Cookie', `a=1; fn-share=${SECRET}; b=2`],
    ['cookie', `__Host-fn-share=${SECRET}`],
    ['X-Fn-Share', SECRET],
    ['x-other', 'kept'],
    ['cookie', 'plain=1'],
  );
  fc.assert(
    fc.property(fc.array(field, { maxLength: 12 }), (fields) => {
      const rawHeaders = ['Host', 'hello.localhost', ...fields.flat()];
      const head = readRequestHead({ method: 'GET', target: '/', httpVersion: '1.1', rawHeaders });
      if (head.kind !== 'ok') throw new Error('it is a request');
      expect(head.headerLines).not.toContain(SECRET);
      expect(head.headerLines).not.toMatch(/fn-share/i);
      const isShared = fields.flat().some((text) => text.includes(SECRET));
      expect(head.shareSecrets.includes(SECRET)).toBe(isShared);
      expect(head.shareSecrets.length).toBeLessThanOrEqual(4);
      const kept = fields.filter(([name]) => name === 'x-other').length;
      expect(head.headerLines.split('\nx-other\n')).toHaveLength(kept + 1);
    }),
  );
});
