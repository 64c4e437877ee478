import { createPrivateKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  checkUploadedPair,
  MAX_CHAIN_BYTES,
  MAX_KEY_BYTES,
  type UploadCheck,
} from '../../../src/certs/uploads/uploaded.ts';
import { issue, type Issued } from '../../support/issued.ts';

const DAY_MS = 24 * 60 * 60_000;
const NOW = Date.now();
const day = (days: number): string => new Date(NOW + days * DAY_MS).toISOString().slice(0, 10);

const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';

let root: Issued;
let middle: Issued;
let leaf: Issued;
let other: Issued;

beforeAll(async () => {
  root = await issue({ subject: 'Root', isCa: true });
  middle = await issue({ subject: 'Middle', issuer: root, isCa: true });
  leaf = await issue({ subject: 'www.example.com', issuer: middle, names: ['www.example.com'] });
  other = await issue({
    subject: 'other.example.com',
    issuer: middle,
    names: ['other.example.com'],
  });
});

function check(chain: (Issued | string)[], key: Issued | string): UploadCheck {
  const pem = chain.map((part) => (typeof part === 'string' ? part : part.certificate)).join('');
  return checkUploadedPair({ chain: pem, key: typeof key === 'string' ? key : key.key }, NOW);
}

/** The problem of a pair; throws for one that is fine. */
function problem(chain: (Issued | string)[], key: Issued | string): string {
  const result = check(chain, key);
  if (result.kind === 'refused') return result.problem;
  throw new Error(`taken, for ${result.names.join(', ')}`);
}

function encrypted(format: 'pkcs8' | 'pkcs1'): string {
  const options = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  return createPrivateKey(leaf.key).export({
    ...options,
    type: format === 'pkcs8' ? format : 'sec1',
  });
}

describe('a pair that somebody has brought', () => {
  it('is taken with its names, without the root that whoever trusts it has', () => {
    const result = check([leaf, middle, root], leaf);
    if (result.kind !== 'fine') throw new Error(result.problem);
    expect(result.names).toEqual(['www.example.com']);
    expect(result.chain).toBe(leaf.certificate + middle.certificate);
    expect(result.key).toBe(leaf.key);
    expect(result.warnings).toEqual(['Only those believe it who have been told to trust "Root".']);
  });

  it('may stand between other text, and the key in any of its forms', () => {
    const sec1 = createPrivateKey(leaf.key).export({ format: 'pem', type: 'sec1' });
    const parameters =
      '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    const text = `Bag Attributes\n  friendlyName: x\n${leaf.key}`;
    const result = check([text, leaf, 'subject=CN = Middle\n', middle, root], parameters + sec1);
    expect(result).toMatchObject({ kind: 'fine', key: leaf.key });
  });

  it('has names in lower case, addresses in their usual spelling, each once', async () => {
    const names = [
      'Www.Example.COM',
      'www.example.com',
      '*.example.com',
      '192.0.2.1',
      '2001:db8::1',
    ];
    const own = await issue({ subject: 'own', names });
    const result = check([own], own);
    const read = result.kind === 'fine' ? result.names : [];
    expect(read).toEqual(['www.example.com', '*.example.com', '192.0.2.1', '2001:db8::1']);
  });

  it('has no name that only looks like one', async () => {
    const own = await issue({
      subject: 'own',
      names: ['a.example.com', 'x, DNS:evil.example.com, y'],
    });
    const result = check([own], own);
    expect(result.kind === 'fine' ? result.names : []).toEqual(['a.example.com']);
  });

  it('warns when it ends soon', async () => {
    const soon = await issue({
      subject: 'soon',
      names: ['a.example.com'],
      notAfter: new Date(NOW + 9.5 * DAY_MS),
    });
    const result = check([soon], soon);
    expect(result.kind === 'fine' && result.warnings[0]).toBe(`It ends in 9 days, on ${day(9.5)}.`);
  });

  it.each<[string, () => string, string]>([
    [
      'no certificate',
      () => problem(['hello'], leaf),
      'the chain has no certificate in PEM (a part that begins with -----BEGIN CERTIFICATE-----)',
    ],
    [
      'a damaged one',
      () => problem([leaf, middle.certificate.replace('MII', 'MIX')], leaf),
      'certificate 2 of the chain cannot be read: it is cut or damaged',
    ],
    [
      'no key',
      () => problem([leaf, middle, root], ''),
      'the key is not in PEM (a part that begins with -----BEGIN PRIVATE KEY-----)',
    ],
    [
      'a damaged key',
      () => problem([leaf, middle, root], leaf.key.replace('MIG', 'MIX')),
      'the key cannot be read: it is cut, damaged, or of a kind that is unknown here',
    ],
    [
      'an encrypted key',
      () => problem([leaf, middle, root], encrypted('pkcs8')),
      'the key is encrypted with a passphrase',
    ],
    [
      'a key encrypted as of old',
      () => problem([leaf, middle, root], encrypted('pkcs1')),
      'the key is encrypted with a passphrase',
    ],
    [
      'the two the other way round',
      () => problem([leaf.key], leaf.certificate),
      'the key is where the certificate belongs, and the certificate where the key does',
    ],
    [
      'the key of another',
      () => problem([leaf, middle, root], other),
      'the key is not the one of "www.example.com"',
    ],
    [
      'the leaf last',
      () => problem([root, middle, leaf], leaf),
      'the chain is out of order: the certificate of the key is number 3 of it',
    ],
    [
      'issuers in the wrong order',
      () => problem([leaf, root, middle], leaf),
      'the chain is out of order: "www.example.com" is issued by number 3, and number 2 follows it',
    ],
    [
      'a stranger between',
      () => problem([leaf, other, root], leaf),
      'the chain is incomplete: "www.example.com" is issued by CN=Middle, and "other.example.com" follows it',
    ],
    [
      'no intermediate',
      () => problem([leaf], leaf),
      'the chain is incomplete: the certificate of the issuer of "www.example.com", CN=Middle, is missing',
    ],
    [
      'no root of a CA that nobody knows',
      () => problem([leaf, middle], leaf),
      'the chain is incomplete: the certificate of the issuer of "Middle", CN=Root, is missing',
    ],
    [
      'a chain beyond all bounds',
      () => problem(['x'.repeat(MAX_CHAIN_BYTES + 1)], leaf),
      'the chain has 65537 bytes, and 65536 is the most',
    ],
    [
      'a key beyond all bounds',
      () => problem([leaf], 'x'.repeat(MAX_KEY_BYTES + 1)),
      'the key has 16385 bytes, and 16384 is the most',
    ],
    [
      'too many certificates',
      () => problem(Array<Issued>(11).fill(leaf), leaf),
      'the chain has 11 certificates, and 10 is the most',
    ],
  ])('is refused with %s', (_, found, wanted) => {
    expect(found()).toBe(wanted);
  });

  it.each<[string, Parameters<typeof issue>[0], string]>([
    [
      'it has expired',
      {
        subject: 'old',
        names: ['a.example.com'],
        notBefore: new Date(NOW - 9 * DAY_MS),
        notAfter: new Date(NOW - DAY_MS),
      },
      `"old" has expired on ${day(-1)}`,
    ],
    [
      'it is not yet valid',
      { subject: 'new', names: ['a.example.com'], notBefore: new Date(NOW + 2 * DAY_MS) },
      `"new" is not yet valid: it begins on ${day(2)}, and the clock here says ${day(0)}`,
    ],
    [
      'it is for clients',
      { subject: 'client', names: ['a.example.com'], uses: [CLIENT_AUTHENTICATION] },
      '"client" is no certificate for servers: its extended key usage leaves serverAuth out',
    ],
    [
      'it has a common name alone',
      { subject: 'a.example.com' },
      '"a.example.com" has no subject alternative name, and clients read no other (RFC 9525)',
    ],
    [
      'its key is short',
      { subject: 'short', names: ['a.example.com'], key: 1_024 },
      'the key of "short" is RSA of 1024 bits, and clients refuse such short ones: 2048 to 4096 are accepted',
    ],
    [
      'its curve is one that browsers refuse',
      { subject: 'curve', names: ['a.example.com'], key: 'P-521' },
      'the key of "curve" is ECDSA on secp521r1, which browsers refuse: RSA, and ECDSA on P-256 or P-384, are accepted',
    ],
    [
      'it has too many names',
      { subject: 'many', names: Array.from({ length: 201 }, (_, index) => `${index}.example.com`) },
      '"many" has 201 names, and 200 is the most',
    ],
  ])('is refused since %s', async (_, options, wanted) => {
    const own = await issue(options);
    expect(problem([own], own)).toBe(wanted);
  });

  it('is refused when what vouches for it has expired or is no CA', async () => {
    const expired = await issue({
      subject: 'Old',
      issuer: root,
      isCa: true,
      notBefore: new Date(NOW - 9 * DAY_MS),
      notAfter: new Date(NOW - DAY_MS),
    });
    const below = await issue({ subject: 'a', issuer: expired, names: ['a.example.com'] });
    expect(problem([below, expired, root], below)).toBe(
      `the intermediate "Old" has expired on ${day(-1)}`,
    );
    const issuedByLeaf = await issue({ subject: 'b', issuer: leaf, names: ['b.example.com'] });
    expect(problem([issuedByLeaf, leaf, middle, root], issuedByLeaf)).toBe(
      '"www.example.com" is no CA, so nobody believes what it has issued',
    );
  });

  it('is refused when it is signed as of old, or OpenSSL would not serve it', async () => {
    const old = await issue({
      subject: 'old',
      issuer: root,
      names: ['a.example.com'],
      hash: 'SHA-1',
    });
    expect(problem([old, root], old)).toBe(
      '"old" is signed with ecdsa-with-SHA1, which clients refuse',
    );
    const short = await issue({ subject: 'Short', issuer: root, isCa: true, key: 1_024 });
    const below = await issue({ subject: 'below', issuer: short, names: ['a.example.com'] });
    expect(problem([below, short, root], below)).toMatch(
      /^OpenSSL does not serve it: .*ca key too small/,
    );
  });
});
