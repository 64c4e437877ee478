/**
 * What this process holds of answers that their clients do not take, per app and in all. Flow control bounds it for each
 * connection; a thousand that read nothing would still hold hundreds of megabytes.
 */

const MIB = 1024 * 1024;

export interface HeldBounds {
  /** Of the answers of one app: 400 streams at their full window, see protocol/worker.ts. */
  perOwnerBytes: number;
  inAllBytes: number;
}

export const HELD_BOUNDS: HeldBounds = { perOwnerBytes: 128 * MIB, inAllBytes: 256 * MIB };

/** One connection with something that its client has not taken. */
export interface Holder {
  /** The app whose answers it has. */
  owner: string;
  bytes: number;
  /** When its client last took anything. */
  takenAtMs: number;
}

/** Those to close, so that what is left is within the bounds: of who holds too much, whose clients took nothing for longest. */
export function beyondBounds<H extends Holder>(holders: readonly H[], bounds: HeldBounds): H[] {
  const excess: H[] = [];
  const byOwner = Map.groupBy(holders, ({ owner }) => owner);
  for (const [owner, held] of byOwner) {
    const { over, within } = split(held, bounds.perOwnerBytes);
    excess.push(...over);
    byOwner.set(owner, within);
  }
  return excess.concat(beyondTotal([...byOwner.values()], bounds.inAllBytes));
}

/** Who holds least keeps it, as far as it fits in with what the others then may. */
function beyondTotal<H extends Holder>(owners: H[][], totalBytes: number): H[] {
  let leftBytes = totalBytes;
  const bySize = owners.toSorted((a, b) => bytesOf(a) - bytesOf(b));
  return bySize.flatMap((held, index) => {
    const shareBytes = leftBytes / (bySize.length - index);
    const { over, within } = split(held, shareBytes);
    leftBytes -= bytesOf(within);
    return over;
  });
}

function split<H extends Holder>(held: H[], maxBytes: number): { over: H[]; within: H[] } {
  if (bytesOf(held) <= maxBytes) return { over: [], within: held };
  let bytes = 0;
  const lastTakenFirst = held.toSorted((a, b) => b.takenAtMs - a.takenAtMs || a.bytes - b.bytes);
  const firstOver = lastTakenFirst.findIndex((one) => (bytes += one.bytes) > maxBytes);
  return { over: lastTakenFirst.slice(firstOver), within: lastTakenFirst.slice(0, firstOver) };
}

function bytesOf(held: readonly Holder[]): number {
  return held.reduce((sum, { bytes }) => sum + bytes, 0);
}
