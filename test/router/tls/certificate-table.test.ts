import { describe, expect, it } from 'vitest';
import { namesCover } from '../../../src/router/tls/certificate-names.ts';
import { createCertificateTable } from '../../../src/router/tls/certificate-table.ts';

const certificate = (id: string, names: string[], notAfter = 1) => {
  return { id, names: new Set(names), notAfter };
};
const TABLE = createCertificateTable([
  certificate('exact', ['app.example.com']),
  certificate('wild', ['*.example.com', 'example.com']),
  certificate('old', ['renewed.test'], 1),
  certificate('new', ['renewed.test'], 2),
  certificate('older', ['renewed.test'], 0),
  certificate('address', ['192.0.2.1', '2001:db8::1']),
]);

describe('the certificate for a name', () => {
  it.each([
    ['app.example.com', 'exact'],
    ['APP.Example.COM', 'exact'],
    ['other.example.com', 'wild'],
    ['example.com', 'wild'],
    ['a.b.example.com', null],
    ['.example.com', null],
    ['*.example.com', null],
    ['com', null],
    ['', null],
    ['renewed.test', 'new'],
    ['192.0.2.1', 'address'],
    ['::ffff:192.0.2.1', 'address'],
    ['2001:DB8:0::1', 'address'],
    ['192.0.2.2', null],
    ['__proto__', null],
    [`${'a'.repeat(300)}.example.com`, 'wild'],
  ])('of %j is %j', (name, id) => {
    expect(TABLE.find(name)?.id ?? null).toBe(id);
  });

  it('knows each certificate that is found by some name once', () => {
    expect(TABLE.all.map(({ id }) => id)).toEqual(['exact', 'wild', 'new', 'address']);
  });
});

describe('the names of a certificate', () => {
  it.each([
    ['app.example.com', true],
    ['example.com', false],
    ['a.b.example.com', false],
    ['*.example.com', false],
    ['other.test', true],
    ['x.other.test', false],
  ])('cover %s: %s', (host, isCovered) => {
    expect(namesCover(new Set(['*.example.com', 'other.test']), host)).toBe(isCovered);
  });
});
