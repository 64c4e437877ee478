import { describe, expect, it } from 'vitest';
import type { AcmeChallenge } from '../../../src/protocol/certificates.ts';
import { alpnChallenge, httpChallengeAnswer } from '../../../src/router/tls/challenge-answers.ts';

const PREFIX = '/.well-known/acme-challenge/';
const CHALLENGES: AcmeChallenge[] = [
  { kind: 'http-01', host: 'a.test', token: 'T1', keyAuthorization: 'T1.thumb' },
  { kind: 'http-01', host: '192.0.2.1', token: 'T2', keyAuthorization: 'T2.thumb' },
  ...['a.test', '192.0.2.1', '2001:db8::1'].map(
    (host) => ({ kind: 'tls-alpn-01', host, certificate: 'c', key: 'k' }) as const,
  ),
];
const answer = (target: string, host = 'a.test', method = 'GET') =>
  httpChallengeAnswer({ method, target }, host, CHALLENGES);

describe('a challenge over http', () => {
  it('is answered with its key authorization', () => {
    expect(answer(`${PREFIX}T1`)).toMatchObject({ status: 200, body: 'T1.thumb' });
    expect(answer(`${PREFIX}T2`, '192.0.2.1')).toMatchObject({ status: 200, body: 'T2.thumb' });
    expect(answer(`${PREFIX}T1`, 'a.test', 'HEAD')).toMatchObject({ status: 200 });
  });

  it.each([
    [`${PREFIX}T3`, 'a.test', 'GET'],
    [`${PREFIX}T1`, 'b.test', 'GET'],
    [`${PREFIX}T1`, 'a.test', 'POST'],
    [`${PREFIX}T1?x`, 'a.test', 'GET'],
    [`${PREFIX}T1/`, 'a.test', 'GET'],
    [PREFIX, 'a.test', 'GET'],
    [`${PREFIX}../../../etc/passwd`, 'a.test', 'GET'],
    [`${PREFIX}%2e%2e%2fT1`, 'a.test', 'GET'],
    [`${PREFIX}constructor`, 'a.test', 'GET'],
  ])('is not found: %s of %s by %s', (target, host, method) => {
    expect(answer(target, host, method)).toMatchObject({ status: 404 });
  });

  it('leaves every other path alone', () => {
    expect(answer('/.well-known/acme-challenge')).toBe(null);
    expect(answer('/x/.well-known/acme-challenge/T1')).toBe(null);
  });
});

describe('a challenge by TLS', () => {
  it.each([
    ['a.test', 'a.test'],
    ['A.TEST', 'a.test'],
    ['1.2.0.192.in-addr.arpa', '192.0.2.1'],
    [`1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`, '2001:db8::1'],
    ['192.0.2.1', undefined],
    ['b.test', undefined],
  ])('of the server name %s is that of %s', (name, host) => {
    expect(alpnChallenge(name, CHALLENGES)?.host).toBe(host);
  });
});
