import { isIPv4, isIPv6 } from 'node:net';

/**
 * What an address is for, by IANA's special-purpose registries (RFC 6890, RFC 8190; IPv6 multicast and unicast by
 * RFC 4291). `public` is all that no registry takes out; an IPv4 address inside of an IPv6 one that any host would
 * unwrap is what the IPv4 address is.
 */
export type AddressClass =
  | 'public'
  | 'unspecified'
  | 'loopback'
  | 'private'
  | 'shared'
  | 'link-local'
  | 'metadata'
  | 'unique-local'
  | 'multicast'
  | 'documentation'
  | 'benchmark'
  | 'tunnel'
  | 'reserved';

type Range = readonly [network: string, prefix: number, is: AddressClass];

/** The first that fits counts. */
const V4_RANGES: readonly Range[] = [
  ['0.0.0.0', 32, 'unspecified'],
  ['0.0.0.0', 8, 'reserved'], // "This network"; Linux takes some of them for this host.
  ['10.0.0.0', 8, 'private'],
  ['100.100.100.200', 32, 'metadata'], // Alibaba Cloud's, within the shared range.
  ['100.64.0.0', 10, 'shared'],
  ['127.0.0.0', 8, 'loopback'],
  ['168.63.129.16', 32, 'metadata'], // Azure's, within the public ones.
  ['169.254.169.254', 32, 'metadata'],
  ['169.254.170.2', 32, 'metadata'], // Amazon's, for containers.
  ['169.254.0.0', 16, 'link-local'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.192', 32, 'metadata'], // Oracle's.
  ['192.0.0.0', 24, 'reserved'],
  ['192.0.2.0', 24, 'documentation'],
  ['192.88.99.0', 24, 'tunnel'], // 6to4's relays (RFC 7526).
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'benchmark'],
  ['198.51.100.0', 24, 'documentation'],
  ['203.0.113.0', 24, 'documentation'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'reserved'], // With the broadcast address.
];

const V6_RANGES: readonly Range[] = [
  ['::', 128, 'unspecified'],
  ['::1', 128, 'loopback'],
  ['64:ff9b:1::', 48, 'tunnel'], // NAT64 of a network's own (RFC 8215): where the IPv4 address stands is not known.
  ['100::', 64, 'reserved'], // Discard only (RFC 6666).
  ['100:0:0:1::', 64, 'reserved'],
  ['2001::', 32, 'tunnel'], // Teredo.
  ['2001:2::', 48, 'benchmark'],
  ['2001:db8::', 32, 'documentation'],
  ['2001::', 23, 'reserved'],
  ['2002::', 16, 'tunnel'], // 6to4: an IPv4 address of anybody's choice inside.
  ['3fff::', 20, 'documentation'],
  ['5f00::', 16, 'reserved'], // Segment routing.
  ['fd00:ec2::254', 128, 'metadata'], // Amazon's.
  ['fd20:ce::254', 128, 'metadata'], // Google's.
  ['fc00::', 7, 'unique-local'],
  ['fe80::', 10, 'link-local'],
  ['fec0::', 10, 'reserved'], // Site-local, given up by RFC 3879.
  ['ff00::', 8, 'multicast'],
  ['2000::', 3, 'public'],
  ['::', 0, 'reserved'], // IANA has given out nothing else (RFC 4291 section 2.4).
];

/** Networks of IPv6 whose last 32 bits every host, or every translator, takes for an IPv4 address. */
const MAPPED: readonly [network: string, prefix: number][] = [
  ['::ffff:0:0', 96], // Mapped (RFC 4291 section 2.5.5.2).
  ['::ffff:0:0:0', 96], // Translated (RFC 2765).
  ['::', 96], // Compatible, of old.
  ['64:ff9b::', 96], // NAT64 (RFC 6052).
];

const V4_CLASSES = compile(V4_RANGES);
const V6_CLASSES = compile(V6_RANGES);
const MAPPED_NETWORKS = MAPPED.map(([network, prefix]) => ({ network: bitsOf(network), prefix }));

/** An address as one number, which any spelling of it gives. */
export interface IpAddress {
  family: 4 | 6;
  bits: bigint;
}

/** Null for what is no address. A zone (`%eth0`) names an interface of this machine: no such address is taken. */
export function parseIpAddress(text: string): IpAddress | null {
  // Node's own check is strict: four decimal numbers without leading zeros, never `0x7f.1` or `2130706433`.
  if (isIPv4(text)) return { family: 4, bits: bitsOf4(text) };
  if (!isIPv6(text) || text.includes('%')) return null;
  return { family: 6, bits: bitsOf6(text) };
}

/** The address that packets to it end at: IPv4 when an IPv6 one only wraps it. */
export function unwrapIpAddress(address: IpAddress): IpAddress {
  if (address.family === 4 || address.bits <= 1n) return address; // `::` and `::1` wrap nothing.
  const isMapped = MAPPED_NETWORKS.some(({ network, prefix }) =>
    isInNetwork(address, { family: 6, bits: network, prefix }),
  );
  return isMapped ? { family: 4, bits: address.bits & 0xffff_ffffn } : address;
}

/** Null for what is no address. */
export function classifyAddress(text: string): AddressClass | null {
  const parsed = parseIpAddress(text);
  if (parsed === null) return null;
  const address = unwrapIpAddress(parsed);
  const ranges = address.family === 4 ? V4_CLASSES : V6_CLASSES;
  const found = ranges.find((range) => isInNetwork(address, range));
  return found?.is ?? 'public';
}

/** Whether the address belongs to a host of the public internet: no loopback, private, link-local or tunnel one. */
export function isPublicAddress(text: string): boolean {
  return classifyAddress(text) === 'public';
}

/** For filters that know no classes. IPv6 that is neither in `v6Public` nor below is not public either. */
export const v6Public: readonly string[] = ['2000::/3', '64:ff9b::/96'];

/** The networks that are not public among IPv4 and among `v6Public`. Some lie within others. */
export function notPublicNetworks(): { v4: string[]; v6: string[] } {
  const v4 = V4_CLASSES.filter(({ is }) => is !== 'public');
  const v6 = V6_CLASSES.filter(({ is, prefix }) => is !== 'public' && prefix > 0);
  const behindNat64 = v4.map(({ bits, prefix }): IpNetwork => {
    return { family: 6, bits: bitsOf6('64:ff9b::') | bits, prefix: 96 + prefix };
  });
  const format = (network: IpNetwork): string => `${formatIpAddress(network)}/${network.prefix}`;
  return { v4: v4.map(format), v6: [...v6, ...behindNat64].map(format) };
}

export interface IpNetwork extends IpAddress {
  prefix: number;
}

export function isInNetwork(address: IpAddress, network: IpNetwork): boolean {
  if (address.family !== network.family) return false;
  const shift = BigInt(widthOf(network.family) - network.prefix);
  return address.bits >> shift === network.bits >> shift;
}

export function widthOf(family: 4 | 6): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The usual spelling; of IPv6 the shortest in lower case (RFC 5952), without dotted parts. */
export function formatIpAddress({ family, bits }: IpAddress): string {
  if (family === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 0xffn)).join('.');
  }
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bits >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const { start, length } = longestZeros(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === '0') end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}

function compile(ranges: readonly Range[]): (IpNetwork & { is: AddressClass })[] {
  return ranges.map(([network, prefix, is]) => {
    return { family: isIPv4(network) ? 4 : 6, bits: bitsOf(network), prefix, is };
  });
}

function bitsOf(text: string): bigint {
  return isIPv4(text) ? bitsOf4(text) : bitsOf6(text);
}

function bitsOf4(text: string): bigint {
  return text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function bitsOf6(text: string): bigint {
  // `::ffff:1.2.3.4` ends with two groups in another spelling.
  const dotted = /\d+\.\d+\.\d+\.\d+$/.exec(text)?.[0];
  if (dotted !== undefined) {
    const low = bitsOf4(dotted);
    const groups = `${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`;
    return bitsOf6(text.slice(0, -dotted.length) + groups);
  }
  const [head = '', tail] = text.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const groups = [...before, ...zeros, ...after];
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** Who has one IPv6 address has all of its /64 (RFC 7721 section 1, RIPE-690). */
export function networkOf(address: string): string {
  const parsed = parseIpAddress(address);
  if (parsed === null) return address;
  const { family, bits } = unwrapIpAddress(parsed);
  return family === 4 ? `4:${bits}` : `6:${bits >> 64n}`;
}
