import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  classifyAddress,
  formatIpAddress,
  isPublicAddress,
  parseIpAddress,
} from '../../src/std/ip-address.ts';

describe('an address', () => {
  it.each([
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'reserved'],
    ['10.1.2.3', 'private'],
    ['100.64.0.1', 'shared'],
    ['100.127.255.255', 'shared'],
    ['100.128.0.0', 'public'],
    ['100.100.100.200', 'metadata'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['168.63.129.16', 'metadata'],
    ['169.254.169.254', 'metadata'],
    ['169.254.0.1', 'link-local'],
    ['172.15.255.255', 'public'],
    ['172.16.0.0', 'private'],
    ['172.31.255.255', 'private'],
    ['172.32.0.1', 'public'],
    ['192.0.0.8', 'reserved'],
    ['192.0.2.1', 'documentation'],
    ['192.88.99.1', 'tunnel'],
    ['192.168.1.1', 'private'],
    ['198.17.255.255', 'public'],
    ['198.18.0.0', 'benchmark'],
    ['198.19.255.255', 'benchmark'],
    ['203.0.113.9', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['8.8.8.8', 'public'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::2', 'reserved'],
    ['fd00::1', 'unique-local'],
    ['fc00::', 'unique-local'],
    ['fd00:ec2::254', 'metadata'],
    ['fe80::1', 'link-local'],
    ['fec0::1', 'reserved'],
    ['ff02::1', 'multicast'],
    ['2001:db8::1', 'documentation'],
    ['2001:0:1::', 'tunnel'],
    ['2001:2::1', 'benchmark'],
    ['2001:1ff::', 'reserved'],
    ['2002:7f00:1::', 'tunnel'],
    ['2002:808:808::', 'tunnel'],
    ['3fff::1', 'documentation'],
    ['4000::1', 'reserved'],
    ['64:ff9b:1::7f00:1', 'tunnel'],
    ['100::1', 'reserved'],
    ['2606:4700::1111', 'public'],
    ['2001:200::1', 'public'],
    ['::127.0.0.1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::FFFF:7F00:1', 'loopback'],
    ['::ffff:0:a00:1', 'private'],
    ['0:0:0:0:0:ffff:a9fe:a9fe', 'metadata'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['64:ff9b::8.8.8.8', 'public'],
    ['::ffff:8.8.8.8', 'public'],
  ])('%s is %s', (address, is) => {
    expect(classifyAddress(address)).toBe(is);
    expect(isPublicAddress(address)).toBe(is === 'public');
  });

  it.each([
    '',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    'fe80::1%eth0',
    '1.2.3.4 ',
  ])('is not %j', (text) => {
    expect(classifyAddress(text)).toBeNull();
    expect(isPublicAddress(text)).toBe(false);
  });

  it('has one spelling, by which it is read again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const address = parseIpAddress(text);
        if (address === null) throw new Error(`${text} is an address`);
        expect(parseIpAddress(formatIpAddress(address))).toEqual(address);
      }),
    );
    expect(formatIpAddress({ family: 6, bits: 0x2001_0db8_0000_0000_0001_0000_0000_0001n })).toBe(
      '2001:db8::1:0:0:1',
    );
  });

  it('is what it wraps, in each form that wraps', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        fc.pre(!/^0\.0\.0\.[01]$/.test(text)); // `::0.0.0.1` is the loopback.
        const is = classifyAddress(text);
        for (const network of ['::ffff:', '::', '64:ff9b::', '::ffff:0:']) {
          expect(classifyAddress(network + text)).toBe(is);
        }
      }),
    );
  });
});
