import { networkInterfaces } from 'node:os';
import { formatIpAddress, parseIpAddress } from './ip-address.ts';

/** This machine's addresses, spelled as `formatIpAddress` does. Asked anew each time: interfaces come and go. */
export function ownAddresses(): Set<string> {
  const entries = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const parsed = entries.flatMap(({ address }) => parseIpAddress(address) ?? []);
  return new Set(parsed.map(formatIpAddress));
}
