/**
 * Which addresses an instance of the platform gives to whom. All of them are made for tests between devices
 * (198.18.0.0/15, RFC 2544) or unique to a site (RFC 4193), so that no host anybody wants to reach has one, and no
 * packet that bears one leaves the machine. The instances on one machine take a block each:
 *
 *     IPv4  198.18.0.0/15 in 32 blocks of /20      IPv6  fd67:6974:666e:<block>::/64, the word "gitfn" in it
 *     .1 the machine: resolver      .2 the router      .16 and up the sandboxes
 */

export const BLOCKS = 32;

const FIRST_OCTETS = 198 * 2 ** 24 + 18 * 2 ** 16;
const BLOCK_PREFIX = 20;
const BLOCK_SIZE = 2 ** (32 - BLOCK_PREFIX);
const MACHINE = 1;
const ROUTER = 2;
const FIRST_SLOT = 16;

/** A host that has an address of each family. */
export interface AddressPair {
  v4: string;
  v6: string;
}

export interface AddressPlan {
  block: number;
  v4Range: string;
  v6Range: string;
  machine: AddressPair;
  router: AddressPair;
  /** How many sandboxes can have an address of their own at a time. */
  slots: number;
  /** Of the sandbox that was the `index`th to get one: every address rests until all others had their turn. */
  slot: (index: number) => AddressPair;
}

export function planAddresses(block: number): AddressPlan {
  const first = FIRST_OCTETS + block * BLOCK_SIZE;
  const v6Prefix = `fd67:6974:666e:${block.toString(16)}`;
  const pair = (offset: number): AddressPair => ({
    v4: dotted(first + offset),
    v6: `${v6Prefix}::${offset.toString(16)}`,
  });
  // The last is the block's broadcast address to some programs.
  const slots = BLOCK_SIZE - FIRST_SLOT - 1;
  return {
    block,
    v4Range: `${dotted(first)}/${BLOCK_PREFIX}`,
    v6Range: `${v6Prefix}::/64`,
    machine: pair(MACHINE),
    router: pair(ROUTER),
    slots,
    slot: (index) => pair(FIRST_SLOT + (index % slots)),
  };
}

function dotted(value: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(value / 2 ** bits) % 256).join('.');
}
