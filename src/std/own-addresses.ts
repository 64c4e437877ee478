import { networkInterfaces } from 'node:os';
import { formatIpAddress, parseIpAddress } from './ip-address.ts';

/** What was found last. */
let known: Set<string> | null = null;

/**
 * This machine's addresses, spelled as `formatIpAddress` does. Asked anew each time: interfaces come and go. Those of
 * the last time when the system does not tell, for want of a descriptor. @throws when it never did.
 */
export function ownAddresses(): Set<string> {
  try {
    const entries = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const parsed = entries.flatMap(({ address }) => parseIpAddress(address) ?? []);
    known = new Set(parsed.map(formatIpAddress));
    return known;
  } catch (error) {
    if (known === null) throw error;
    return known;
  }
}
