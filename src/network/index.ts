/**
 * A network for each sandbox that may connect outwards: a namespace of its own with one interface, behind a router of
 * the platform's, in another namespace, that lets through what is public and what was opened for this one sandbox. It
 * is made ahead, used once and taken away.
 *
 * This stage never decides who may reach what, never looks a name up, and never runs where nftables or iproute2 are
 * missing: a sandbox then has no network at all. Read address-plan.ts and rulesets.ts for what stands where, scripts.ts
 * for how it is made, and slot-networks.ts for when.
 */
export { BLOCKS, planAddresses } from './address-plan.ts';
export type { AddressPair } from './address-plan.ts';
export { createSlotNetworks } from './slot-networks.ts';
export type { SlotNetwork, SlotNetworks } from './slot-networks.ts';
export { hostTable } from './rulesets.ts';
