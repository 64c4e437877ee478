import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { unwrapDataKey, wrapDataKey } from '../../src/secrets/data-keys.ts';
import { seal, unseal } from '../../src/secrets/sealed-box.ts';

it('the key of an app opens with the master key and for that app alone', () => {
  const [master, other, key] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  const wrapped = wrapDataKey(master, 'app-1', key);
  expect(wrapped.includes(key)).toBe(false);
  expect(unwrapDataKey(master, 'app-1', wrapped)).toEqual(key);
  expect(() => unwrapDataKey(master, 'app-2', wrapped)).toThrow();
  expect(() => unwrapDataKey(other, 'app-1', wrapped)).toThrow();
});

it('what is sealed opens for what it was sealed for, and the same value never looks the same', () => {
  const key = randomBytes(32);
  const value = Buffer.from('hunter2 is no password');
  const sealed = [seal(key, 'a', value), seal(key, 'a', value)] as const;
  expect(sealed[0].equals(sealed[1])).toBe(false);
  expect(sealed[0].includes(value)).toBe(false);
  expect(unseal(key, 'a', sealed[0])).toEqual(value);
  expect(() => unseal(key, 'b', sealed[0])).toThrow();
});
