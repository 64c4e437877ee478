import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readDomainName } from '../../src/model/domain-name.ts';

const long = (labels: number): string =>
  `${Array.from({ length: labels }, () => 'a'.repeat(63)).join('.')}.example.com`;

describe('readDomainName', () => {
  it.each([
    ['a plain name', 'www.example.com', 'www.example.com'],
    ['upper case', 'WWW.Example.COM', 'www.example.com'],
    ['a trailing dot', 'example.com.', 'example.com'],
    ['blanks around it', ' example.com\n', 'example.com'],
    ['an IDN', 'Bücher.example', 'xn--bcher-kva.example'],
    ['an IDN in another normal form', 'bu\u0308cher.example', 'xn--bcher-kva.example'],
    ['an IDN as A-labels', 'XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['ideographic full stops', '例え。テスト', 'xn--r8jz45g.xn--zckzah'],
    ['digits and hyphens', '1-a.2b.example', '1-a.2b.example'],
    ['localhost', 'LOCALHOST', 'localhost'],
    ['a label of 63', `${'a'.repeat(63)}.com`, `${'a'.repeat(63)}.com`],
    ['253 characters', `${'a'.repeat(49)}.${long(3)}`, `${'a'.repeat(49)}.${long(3)}`],
  ])('takes %s', (_, text, name) => {
    expect(readDomainName(text)).toEqual({ kind: 'name', name, isWildcard: false });
  });

  it.each([
    ['*.example.com', '*.example.com'],
    ['*.BÜCHER.example.', '*.xn--bcher-kva.example'],
    ['*.localhost', '*.localhost'],
  ])('takes the wildcard %s', (text, name) => {
    expect(readDomainName(text)).toEqual({ kind: 'name', name, isWildcard: true });
  });

  it.each([
    ['nothing', ' ', /no name was given/],
    ['300 characters', `${'a.'.repeat(148)}com`, /"a\.a.*…" is 299 characters.*at most 253/],
    ['a flood', 'é'.repeat(1_000_000), /1000000 characters/],
    ['254 with its star', `*.${'a'.repeat(48)}.${long(3)}`, /254 characters/],
    ['a label of 64', `${'a'.repeat(64)}.com`, /64 characters.*at most 63/],
    ['a label that is long as A-label', `${'ü'.repeat(60)}.com`, /characters as DNS has it/],
    ['a URL', 'https://example.com/', /is a URL.*host name alone/],
    ['a port', 'example.com:443', /has a port/],
    ['an IPv4 address', '192.0.2.1', /is an IP address/],
    ['an IPv4 address of two parts', '0x7f.1', /is an IP address/],
    ['what ends in a number', 'example.5', /is an IP address/],
    ['wide digits', '１２７.0.0.１', /is an IP address/],
    ['an IPv6 address', '2001:db8::1', /is an IP address/],
    ['an IPv6 address in brackets', '[::1]', /is an IP address/],
    ['one label', 'intranet', /one word.*"intranet\.example\.com"/],
    ['a star alone', '*', /star elsewhere/],
    ['a star of one label', '*.com', /one word/],
    ['a star within', 'www.*.example.com', /star elsewhere/],
    ['two stars', '*.*.example.com', /star elsewhere/],
    ['a star in a label', 'a*.example.com', /star elsewhere/],
    ['an underscore', '_dmarc.example.com', /has an underscore/],
    ['an empty label', 'a..example.com', /an empty part/],
    ['a leading dot', '.example.com', /an empty part/],
    ['two trailing dots', 'example.com..', /an empty part/],
    ['dots alone', '..', /an empty part/],
    ['garbage after xn--', 'xn--999999999.com', /no internationalised name/],
    ['xn-- alone', 'xn--.com', /no internationalised name/],
    ['plain ASCII after xn--', 'xn--abc-.com', /no internationalised name/],
    ['another reserved label', 'ab--cd.example.com', /reserved/],
    ['a hyphen at the end', 'a-.example.com', /begins and ends with/],
    ['a hyphen at the start', '-a.example.com', /begins and ends with/],
    ['a blank', 'exa mple.com', /has the character " "/],
    ['a percent sign', '%41.example.com', /has the character "%"/],
    ['a zero byte', 'a\u0000.example.com', /has the character "\\u0000"/],
    ['somebody', 'me@example.com', /has the character "@"/],
    ['what IDNA maps to a slash', 'a\u2100.example.com', /no internationalised name/],
    ['escapes', '\u001b[2J.example.com', /has the character "\\u001b"/],
    ['an inverted direction', '\u202eabc.example.com', /no internationalised name/],
  ])('refuses %s and says what to change', (_, text, reason) => {
    const reading = readDomainName(text);
    expect(reading).toEqual({ kind: 'refused', reason: expect.stringMatching(reason) });
  });

  it('repeats nothing that a terminal obeys', () => {
    const reading = readDomainName('\u001b]0;title\u0007\u202e.example.com');
    const reason = reading.kind === 'refused' ? reading.reason : '';
    expect(reason).toContain('".example.com"');
    for (const hidden of ['\u001b]', '\u0007', '\u202e', 'title']) {
      expect(reason).not.toContain(hidden);
    }
  });

  it('takes what it gives, and nothing that is no name', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), fc.domain()), (text) => {
        const first = readDomainName(text);
        if (first.kind === 'refused') return;
        expect(readDomainName(first.name)).toEqual(first);
        expect(first.name.length).toBeLessThanOrEqual(253);
        expect(first.name).toMatch(/^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]+$/);
      }),
    );
  });
});
