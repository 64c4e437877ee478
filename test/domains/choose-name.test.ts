import { describe, expect, it } from 'vitest';
import { chooseName } from '../../src/domains/choose-name.ts';
import { nextCheck } from '../../src/domains/next-check.ts';
import { isApex, isPublicSuffix } from '../../src/domains/public-suffix.ts';

const ADDRESS = { baseDomain: 'fn.dev.example.org', controlHost: 'ctl.example.org' };

describe('a name that somebody chooses', () => {
  it.each([
    ['shop.com', 'shop.com'],
    ['Shop.COM.', 'shop.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['*.Shop.com', '*.shop.com'],
    ['example.org', 'example.org'],
    ['*.example.org', '*.example.org'],
    ['a.internal', 'a.internal'],
  ])('%s is taken as %s', (text, name) => {
    expect(chooseName(text, ADDRESS)).toEqual({ kind: 'name', name });
  });

  it.each([
    ['fn.dev.example.org', 'is a name of this server itself'],
    ['hello.fn.dev.example.org', 'is a name of this server itself'],
    ['*.fn.dev.example.org', 'is a name of this server itself'],
    ['CTL.example.org', 'is a name of this server itself'],
    ['localhost', 'is a name of this server itself'],
    ['a.localhost', 'is a name of this server itself'],
    ['co.uk', "can be nobody's own"],
    ['*.co.uk', 'all names below co.uk'],
    ['*.com', 'is one word'],
    ['https://shop.com/x', 'is a URL'],
    ['192.0.2.1', 'is an IP address'],
    [`${'a'.repeat(60)}.`.repeat(5), 'at most 253'],
    [`${'a'.repeat(60)}.`.repeat(4) + 'de', 'leaves no room for the record'],
    ['', 'no name was given'],
  ])('%s is refused', (text, reason) => {
    const choice = chooseName(text, ADDRESS);
    expect(choice).toMatchObject({ kind: 'refused', reason: expect.stringContaining(reason) });
    expect(choice.kind === 'refused' && choice.hint).toBeTruthy();
  });
});

it('knows the registered name from what is below and above it', () => {
  expect([isApex('shop.co.uk'), isApex('www.shop.co.uk'), isApex('co.uk')]).toEqual([
    true,
    false,
    false,
  ]);
  expect([isPublicSuffix('co.uk'), isPublicSuffix('shop.co.uk')]).toEqual([true, false]);
});

describe('the next look at DNS', () => {
  const minutes = (failedChecks: number): number | null => {
    const next = nextCheck('pending', { pointing: 'nowhere' }, { failedChecks, nowMs: 0 });
    return next === null ? null : next.getTime() / 60_000;
  };

  it('comes later each time while a domain is pending, and at last not at all', () => {
    expect([1, 2, 3, 8, 9, 10, 120].map(minutes)).toEqual([1, 2, 4, 128, 256, 360, 360]);
    expect(minutes(121)).toBeNull();
  });

  it('comes weekly for a verified one, and daily while it does not lead here', () => {
    const days = (pointing: 'here' | 'elsewhere'): number =>
      (nextCheck('verified', { pointing }, { failedChecks: 500, nowMs: 0 })?.getTime() ?? 0) /
      86_400_000;
    expect([days('here'), days('elsewhere')]).toEqual([7, 1]);
  });
});
