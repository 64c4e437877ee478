import { describe, expect, it } from 'vitest';
import type { EnvironmentEntry } from '../../src/model/environment.ts';
import { planChange, planRestore } from '../../src/secrets/plan-change.ts';

const CURRENT: EnvironmentEntry[] = [
  { name: 'MOTTO', scope: 'all', kind: 'plain', isBuild: true, value: 'one' },
  { name: 'CODE', scope: 'production', kind: 'secret', isBuild: false, value: 'two' },
];

describe('a change', () => {
  it('leaves out what is as it shall be', () => {
    const same = { name: 'MOTTO', scope: 'all', value: 'one' } as const;
    expect(planChange(CURRENT, [same])).toEqual({ set: [], unset: [] });
    expect(planChange(CURRENT, [{ ...same, isBuild: false }]).set).toHaveLength(1);
  });

  it('keeps kind and build scope of a value that gets another one', () => {
    const { set } = planChange(CURRENT, [{ name: 'MOTTO', scope: 'all', value: 'new' }]);
    expect(set).toEqual([{ ...CURRENT[0], value: 'new' }]);
  });

  it('makes secret what is secret in another scope', () => {
    const { set } = planChange(CURRENT, [{ name: 'CODE', scope: 'preview', value: 'x' }]);
    expect(set[0]?.kind).toBe('secret');
  });

  it('makes secret a URL with a password, unless somebody insists', () => {
    const url = { name: 'MOTTO', scope: 'all', value: 'postgres://u:pw@db/x' } as const;
    const [first] = planChange(CURRENT, [url]).set;
    expect(first?.kind).toBe('secret');
    const [plain] = planChange(CURRENT, [{ ...url, kind: 'plain' }]).set;
    expect(plain?.kind).toBe('plain');
    const current = plain === undefined ? [] : [plain];
    expect(planChange(current, [{ ...url, value: 'postgres://u:other@db/x' }]).set).toMatchObject([
      { kind: 'plain' },
    ]);
  });

  it.each([
    [[{ name: 'PATH', scope: 'all', value: 'x' }], 'bad-request'],
    [[{ name: 'A', scope: 'all', value: 'x\0' }], 'bad-request'],
    [[{ name: 'A', scope: 'all', value: 'x'.repeat(1_000_000) }], 'bad-request'],
    [[{ name: 'CODE', scope: 'all', value: null }], 'not-found'],
    [
      [
        { name: 'A', scope: 'all', value: 'x' },
        { name: 'A', scope: 'all', value: null },
      ],
      'bad-request',
    ],
  ] as const)('of which a part is impossible does not happen: %j', (changes, code) => {
    const good = { name: 'GOOD', scope: 'all', value: 'x' } as const;
    expect(() => planChange(CURRENT, [good, ...changes])).toThrow(
      expect.objectContaining({ code, hint: expect.stringContaining('nothing was changed') }),
    );
  });

  it('says where a value is set that is unset where it is not', () => {
    expect(() => planChange(CURRENT, [{ name: 'CODE', scope: 'all', value: null }])).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('production') }),
    );
  });
});

it('of a restored version unsets what was not there then', () => {
  const [motto] = CURRENT;
  const then = motto === undefined ? [] : [{ ...motto, value: 'old' }];
  expect(planRestore(CURRENT, then)).toEqual({
    set: then,
    unset: [{ name: 'CODE', scope: 'production' }],
  });
});
