import { describe, expect, it } from 'vitest';
import { localNames } from '../../../src/certs/local/local-names.ts';
import {
  isOfApp,
  isOfPlatform,
  withoutLostNames,
  withoutUploaded,
} from '../../../src/certs/uploads/upload-names.ts';
import type { CertificateRow } from '../../../src/store/certificates.ts';

const DAY_MS = 24 * 60 * 60_000;
const ADDRESS = { baseDomain: 'apps.example.com', controlHost: 'fn.example.com' };

/** Valid for 90 days from day 0. */
const row = (names: string[], over: Partial<CertificateRow> = {}): CertificateRow => ({
  id: names.join(),
  names,
  appId: null,
  source: 'upload',
  chain: '',
  notBefore: new Date(0),
  notAfter: new Date(90 * DAY_MS),
  directory: null,
  ...over,
});

describe('a certificate that somebody has brought', () => {
  it.each([
    ['apps.example.com', true],
    ['*.apps.example.com', true],
    ['fn.example.com', true],
    ['192.0.2.1', true],
    ['example.com', false],
    ['xapps.example.com', false],
  ])('is for %s, a name of the platform: %s', (name, isOwn) => {
    expect(isOfPlatform(name, ADDRESS)).toBe(isOwn);
  });

  it.each([
    ['shop.example', true],
    ['*.shop.example', false],
    ['a.wild.example', true],
    ['*.wild.example', true],
    ['a.b.wild.example', false],
    ['other.example', false],
  ])('is for %s, which the app has verified: %s', (name, isOwn) => {
    const owned = [
      { appId: 'one', name: 'shop.example' },
      { appId: 'one', name: '*.wild.example' },
      { appId: 'two', name: 'other.example' },
    ];
    expect(isOfApp(name, 'one', owned)).toBe(isOwn);
  });

  it('is not served for domains that its app has lost', () => {
    const upload = row(['a.example', 'b.example'], { appId: 'one' });
    const ordered = row(['b.example'], { appId: 'one', source: 'acme' });
    const owned = [
      { appId: 'one', name: 'a.example' },
      { appId: 'two', name: 'b.example' },
    ];
    expect(withoutLostNames([upload, ordered], owned)).toEqual([
      { ...upload, names: ['a.example'] },
      ordered,
    ]);
    expect(withoutLostNames([upload], [])).toEqual([]);
  });

  it('stands in for orders until a third of its life is left', () => {
    const wanted = [
      { names: ['shop.example', 'www.shop.example'], appId: 'one' },
      { names: ['other.example'], appId: null },
    ];
    const uploads = [row(['shop.example', '*.shop.example'])];
    expect(withoutUploaded(wanted, uploads, 59 * DAY_MS)).toEqual([wanted[1]]);
    expect(withoutUploaded(wanted, uploads, 61 * DAY_MS)).toEqual(wanted);
    expect(withoutUploaded(wanted, [row(['shop.example'])], DAY_MS)).toEqual(wanted);
  });
});

describe('a local authority', () => {
  const apps = [
    { name: 'shop', production: null, slugs: { try: 'd' }, commits: { ['a'.repeat(40)]: 'd' } },
  ];

  it('issues for each host below localhost, since a wildcard there is none', () => {
    const address = { baseDomain: 'localhost', controlHost: 'localhost' };
    expect(localNames({ apps }, address)).toEqual([
      ['localhost', '127.0.0.1', '::1'],
      ['shop.localhost'],
      ['try--shop.localhost'],
      ['aaaaaaaaaaaa--shop.localhost'],
    ]);
  });

  it('issues one wildcard for any other domain', () => {
    const address = { baseDomain: 'fn.test', controlHost: 'fn.test' };
    expect(localNames({ apps }, address)).toEqual([['fn.test', '*.fn.test', '127.0.0.1', '::1']]);
    expect(localNames({ apps }, { ...address, controlHost: 'control.test' })).toEqual([
      ['control.test', '127.0.0.1', '::1'],
      ['fn.test', '*.fn.test'],
    ]);
  });
});
