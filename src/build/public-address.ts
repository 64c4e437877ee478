import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** IANA's special-purpose registries, but for documentation ranges, behind which there is nobody to protect. */
const SPECIAL_V4: [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // Link-local, where clouds keep their metadata.
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
const SPECIAL_V6: [string, number][] = [
  ['::', 96], // Unspecified, loopback, and IPv4 in its oldest disguise.
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96], // NAT64: any IPv4 address behind it.
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23], // Teredo and other tunnels.
  ['2002::', 16], // 6to4: any IPv4 address inside it.
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
];

// Two, because a rule for ::ffff:0:0/96 is one for all of IPv4 to a list that has both.
const specialV4 = new BlockList();
const specialV6 = new BlockList();
for (const [address, prefix] of SPECIAL_V4) specialV4.addSubnet(address, prefix, 'ipv4');
for (const [address, prefix] of SPECIAL_V6) specialV6.addSubnet(address, prefix, 'ipv6');

/** Whether the address belongs to a host of the public internet: no loopback, private, link-local or tunnel one. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !specialV4.check(address, 'ipv4');
  // A zone names an interface of this machine.
  if (!isIPv6(address) || address.includes('%')) return false;
  return !specialV6.check(address, 'ipv6');
}
