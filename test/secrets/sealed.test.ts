import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  openCertificateKey,
  openEnvironment,
  sealCertificateKey,
  sealEnvironment,
} from '../../src/secrets/sealed.ts';

const KEY = randomBytes(32);
const ENVIRONMENT = {
  values: { TOKEN: 's3cret', EMPTY: '', UNICODE: 'grüße' },
  secretNames: ['TOKEN'],
};

it('opens with the key and the deployment it was sealed for', () => {
  const sealed = sealEnvironment(KEY, 'dep-1', ENVIRONMENT);
  expect(openEnvironment([KEY], 'dep-1', sealed)).toEqual(ENVIRONMENT);
  expect(sealed.includes('s3cret')).toBe(false);
});

it('opens with no other key and for no other deployment', () => {
  const sealed = sealEnvironment(KEY, 'dep-1', ENVIRONMENT);
  expect(() => openEnvironment([randomBytes(32)], 'dep-1', sealed)).toThrow();
  expect(() => openEnvironment([KEY], 'dep-2', sealed)).toThrow();
});

it('opens with either key while the master key is being replaced', () => {
  const sealed = sealEnvironment(KEY, 'dep-1', ENVIRONMENT);
  expect(openEnvironment([randomBytes(32), KEY], 'dep-1', sealed)).toEqual(ENVIRONMENT);
});

it('refuses a file of which any byte was changed, and one that was cut', () => {
  const sealed = sealEnvironment(KEY, 'dep-1', ENVIRONMENT);
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => openEnvironment([KEY], 'dep-1', changed)).toThrow();
    expect(() => openEnvironment([KEY], 'dep-1', sealed.subarray(0, at))).toThrow();
  }
});

it('opens the key of a certificate with the master key and for the certificate it was sealed for', () => {
  const sealed = sealCertificateKey(KEY, 'cert1', 'the key');
  expect(openCertificateKey([randomBytes(32), KEY], 'cert1', sealed)).toBe('the key');
  expect(() => openCertificateKey([KEY], 'cert2', sealed)).toThrow();
  expect(() => openEnvironment([KEY], 'cert1', sealed)).toThrow('no sealed environment');
});
