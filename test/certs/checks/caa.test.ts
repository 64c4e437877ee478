import { describe, expect, it } from 'vitest';
import { caaAgainst, type CaaRequest, formatCaa, namesCa } from '../../../src/certs/checks/caa.ts';
import type { CaaRecord } from '../../../src/std/dns-lookup.ts';

const ACCOUNT = 'https://ca.example/acct/1';
const REQUEST: CaaRequest = {
  caaNames: ['ca.example', 'letsencrypt.org'],
  accountUrl: ACCOUNT,
  challenge: 'http-01',
  isWildcard: false,
};

/** `issue ca.example`; critical with a `!` before it. */
function records(lines: readonly string[]): CaaRecord[] {
  return lines.map((line) => {
    const [, mark, tag = '', value = ''] = /^(!?)(\w+) ?(.*)$/.exec(line) ?? [];
    return { isCritical: mark === '!', tag, value };
  });
}

describe('CAA records', () => {
  it.each<[string, string[], Partial<CaaRequest>]>([
    ['name nobody', ['iodef mailto:ops@example.com'], {}],
    ['name the CA', ['issue letsencrypt.org'], {}],
    ['name the CA beside another', ['issue other.example', 'issue ca.example'], {}],
    ['name the CA in upper case and with blanks', ['issue  CA.example ; '], {}],
    ['name the CA and our account', [`issue ca.example; accounturi=${ACCOUNT}`], {}],
    ['name the challenge', ['issue ca.example; validationmethods=dns-01,http-01'], {}],
    ['have a parameter that nobody knows', ['issue ca.example; policy=ev'], {}],
    ['let nobody sign wildcards, for another name', ['issue ca.example', 'issuewild ;'], {}],
    ['allow by issuewild', ['issue ;', 'issuewild ca.example'], { isWildcard: true }],
    ['have no issuewild for a wildcard', ['issue ca.example'], { isWildcard: true }],
    ['have issuewild alone for a plain name', ['issuewild other.example'], {}],
    ['are critical and known', ['!issue ca.example', '!iodef mailto:a@b.example'], {}],
  ])('that %s allow it', (_, lines, changes) => {
    expect(caaAgainst(records(lines), { ...REQUEST, ...changes })).toBeNull();
  });

  it.each<[string, string[], Partial<CaaRequest>]>([
    ['name another CA', ['issue other.example'], {}],
    ['name nobody by an empty value', ['issue'], {}],
    ['name nobody by a semicolon', ['issue ;'], {}],
    ['name a CA below ours', ['issue sub.ca.example'], {}],
    ['name another account', ['issue ca.example; accounturi=https://ca.example/acct/2'], {}],
    ['name two accounts', [`issue ca.example; accounturi=${ACCOUNT}; accounturi=${ACCOUNT}`], {}],
    ['name another challenge', ['issue ca.example; validationmethods=dns-01'], {}],
    ['are no property as the RFC has it', ['issue ca.example accounturi=x'], {}],
    ['have a parameter that is none', ['issue ca.example; %%%'], {}],
    ['forbid wildcards', ['issuewild ;'], { isWildcard: true }],
    ['are critical and unknown', ['!tbs x'], {}],
  ])('that %s stand against it', (_, lines, changes) => {
    const against = caaAgainst(records(lines), { ...REQUEST, ...changes });
    expect(against).toEqual(records(lines));
  });

  it('are shown as in a zone file', () => {
    const [record] = records(['!issue ca.example; a=b']);
    expect(record && formatCaa(record)).toBe('CAA 128 issue "ca.example; a=b"');
  });

  it('name a CA whatever else they ask of it', () => {
    const [record] = records(['issue CA.example; accounturi=x']);
    expect(record && namesCa(record, REQUEST.caaNames)).toBe(true);
  });
});
