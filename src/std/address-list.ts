import { BlockList, isIP } from 'node:net';

/** Addresses and networks, to ask whether an address is one of them. */
export interface AddressList {
  /** False for what is no address. */
  has(address: string): boolean;
}

/** @param networks addresses, or networks as `10.0.0.0/8`; checked by whoever read them */
export function createAddressList(networks: readonly string[]): AddressList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = familyOf(address);
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return {
    has(address) {
      const plain = plainAddress(address);
      return isIP(plain) !== 0 && list.check(plain, familyOf(plain));
    },
  };
}

/** This machine, as it sees itself. */
export const LOOPBACK = createAddressList(['127.0.0.0/8', '::1']);

/** IPv4 as such, also when a dual-stack socket wraps it into IPv6 (RFC 4291 section 2.5.5.2). */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
