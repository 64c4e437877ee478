import { describe, expect, it } from 'vitest';
import { createDnsProvider } from '../../../src/certs/dns/index.ts';

const TSIG = { server: 'ns1.example.com', keyName: 'acme.', secret: 'c2VjcmV0c2VjcmV0' };
const AWS = { accessKeyId: 'AKID', secretAccessKey: 'secret' };

describe('createDnsProvider', () => {
  it.each([
    ['rfc2136', TSIG],
    ['rfc2136', { ...TSIG, server: '[2001:db8::53]:5353', algorithm: 'hmac-sha512', zone: 'a.b.' }],
    ['rfc2136', { ...TSIG, server: '192.0.2.53:53' }],
    ['cloudflare', { token: 'secret' }],
    ['route53', AWS],
    ['route53', { ...AWS, sessionToken: 'hour', hostedZoneId: '/hostedzone/Z1EXAMPLE' }],
    ['digitalocean', { token: 'secret' }],
    ['exec', { program: '/etc/gitfn/dns-hook', environment: { TOKEN: 'secret' } }],
  ] as const)('makes %s of %j', (name, options) => {
    expect(createDnsProvider(name, options).name).toBe(name);
  });

  it.each([
    ['cloudflare', {}, /"token" is missing/],
    ['cloudflare', { token: 5 }, /"token" must be a text of one line/],
    ['cloudflare', { token: 'a\r\nb' }, /"token" must be a text of one line/],
    ['cloudflare', { token: 'secret', tokn: 'x' }, /"tokn" is no field of "cloudflare"/],
    ['rfc2136', { ...TSIG, server: '2001:db8::53' }, /"server" must be/],
    ['rfc2136', { ...TSIG, server: 'ns1:70000' }, /"server" must be/],
    ['rfc2136', { ...TSIG, algorithm: 'hmac-md5' }, /one of hmac-sha256, hmac-sha384, hmac-sha512/],
    ['rfc2136', { ...TSIG, secret: 'se cret!' }, /"secret" must be in base64/],
    ['rfc2136', { ...TSIG, keyName: 'a..b' }, /no name that DNS knows/],
    ['route53', { ...AWS, hostedZoneId: '../Z1' }, /"hostedZoneId" must be/],
    ['exec', { program: 'dns-hook' }, /an absolute path/],
    ['exec', { program: '/a', environment: ['b'] }, /"environment" must be an object of texts/],
    ['exec', { program: '/a', environment: { A: 1 } }, /"environment" must be an object of texts/],
  ] as const)('says what is wrong with the options of %s: %j', (name, options, message) => {
    const make = (): unknown => createDnsProvider(name, options);
    expect(make).toThrow(expect.objectContaining({ code: 'config-invalid' }));
    expect(make).toThrow(message);
    expect(make).not.toThrow(/secret(?!")|se cret/);
  });
});
