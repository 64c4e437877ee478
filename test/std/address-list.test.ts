import { expect, test } from 'vitest';
import { createAddressList } from '../../src/std/address-list.ts';

const list = createAddressList(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1']);

test.each([
  ['10.1.2.3', true],
  ['11.1.2.3', false],
  ['192.0.2.7', true],
  ['::ffff:192.0.2.7', true],
  ['::FFFF:192.0.2.8', false],
  ['fd12::1', true],
  ['fe80::1', false],
  ['::1', true],
  ['not an address', false],
  ['10.1.2.3, 10.1.2.4', false],
  ['', false],
])('a list of addresses and networks has %j: %s', (address, expected) => {
  expect(list.has(address)).toBe(expected);
});

test('an empty list has nobody', () => {
  expect(createAddressList([]).has('127.0.0.1')).toBe(false);
});
