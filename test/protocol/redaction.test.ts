import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor, MIN_REDACTED_CHARACTERS } from '../../src/protocol/redaction.ts';

const VALUE = 'pä$$ w0rd/+"\\?&=~';
const redact = createRedactor({ API_KEY: VALUE });
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a redactor', () => {
  it.each([
    ['itself', VALUE],
    ['JSON', JSON.stringify({ key: VALUE })],
    ['JSON in JSON', JSON.stringify(JSON.stringify({ key: VALUE }))],
    ['JSON in ASCII', '"p\\u00e4$$ w0rd/+\\"\\\\?&=~"'],
    ['JSON with escaped slashes', JSON.stringify(VALUE).replaceAll('/', '\\/')],
    ['a path', `/x/${encodeURIComponent(VALUE)}`],
    [
      'a path with small escapes',
      encodeURIComponent(VALUE).replace(/%../g, (e) => e.toLowerCase()),
    ],
    ['a query', `?${new URLSearchParams({ key: VALUE }).toString()}`],
    ['a URL', encodeURI(`http://x/${VALUE}`)],
    ['hexadecimal', Buffer.from(VALUE).toString('hex')],
    ['capital hexadecimal', Buffer.from(VALUE).toString('hex').toUpperCase()],
    ['base64', base64(VALUE)],
    ['base64 without padding', base64(VALUE).replace(/=+$/, '')],
    ['base64url', Buffer.from(VALUE).toString('base64url')],
  ])('finds a value as %s', (_, text) => {
    const redacted = redact(`before ${text} after`);
    expect(redacted).toContain('[redacted API_KEY]');
    expect(redacted).not.toContain('w0rd');
    expect(redacted).toMatch(/^before .* after$/);
  });

  it.each(['', 'u', 'us', 'use', 'user:'])('finds it in base64 behind %j', (before) => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = Buffer.from(`${before}${VALUE}:and more`).toString(encoding);
      const redacted = redact(text);
      expect(redacted).toContain('[redacted API_KEY]');
      const left = Buffer.from(redacted.replace('[redacted API_KEY]', ' '), encoding).toString();
      expect(left).not.toContain('w0rd');
    }
  });

  it('finds each line of a value that is printed line by line, but not what all keys share', () => {
    const key =
      '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n';
    const keys = createRedactor({ SIGNING_KEY: key });
    expect(keys('  kqhkiG9w0BAQEF')).toBe('  [redacted SIGNING_KEY]');
    expect(keys('-----BEGIN PRIVATE KEY-----')).toBe('-----BEGIN PRIVATE KEY-----');
    expect(keys(JSON.stringify(key))).toBe('"[redacted SIGNING_KEY]"');
    expect(keys(key)).toBe('[redacted SIGNING_KEY]');
  });

  it('finds the password of a URL', () => {
    const database = createRedactor({ DB_SECRET: 'postgres://me:hunter%2F22@db/x' });
    expect(database('no login as me with hunter/22')).toBe(
      'no login as me with [redacted DB_SECRET]',
    );
    expect(database('postgres://me:hunter%2F22@db/x?a')).toBe('[redacted DB_SECRET]?a');
  });

  it('takes the longer of two that begin alike, and all that occur', () => {
    const both = createRedactor({ SHORT: 'abcdef', LONG: 'abcdefghij' });
    expect(both('abcdefghij abcdefgh abcdef')).toBe(
      '[redacted LONG] [redacted SHORT]gh [redacted SHORT]',
    );
  });

  it('leaves short values and all other text alone', () => {
    const few = createRedactor({ PORT_KEY: '8080', EMPTY_KEY: '', FLAG_SECRET: 'true!' });
    expect(few('8080 true! x')).toBe('8080 true! x');
    expect(redact('nothing of note')).toBe('nothing of note');
    expect(redact('')).toBe('');
  });

  it('never leaves a value in, whatever stands around it', () => {
    const value = fc.string({ minLength: MIN_REDACTED_CHARACTERS, maxLength: 40 });
    fc.assert(
      fc.property(value, fc.string(), fc.string(), (secret, before, after) => {
        const redacted = createRedactor({ A_KEY: secret })(before + secret + after);
        return redacted !== before + secret + after && redacted.includes('[redacted A_KEY]');
      }),
    );
  });

  it('knows lone surrogates, which no encoding has', () => {
    const odd = createRedactor({ A_KEY: 'abc\ud800def' });
    expect(odd('x abc\ud800def')).toBe('x [redacted A_KEY]');
  });
});
