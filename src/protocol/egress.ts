/**
 * What the supervisor and the egress process say to each other over the channel that the process inherits. Where
 * every sandbox has a network of its own, the process answers the sandboxes' DNS, and has an address that is not
 * public opened for the one sandbox that may reach it before it answers with that address:
 *
 *     supervisor → slot-opened         a sandbox has become one deployment's: its addresses and what it may reach
 *     egress     → open-egress         supervisor → egress-opened | egress-refused
 *     supervisor → slot-closed         its addresses mean nobody any more
 *
 * Where sandboxes have no network, each has a channel to this process instead (egress-channel.ts):
 *
 *     supervisor → slot-channel        with the other end of the channel; its end is the slot's
 *     egress     → channel-taken       what is on its way when the process ends would never be heard of again
 */
import type { EgressRule } from '../model/egress-rule.ts';
import type { SlotId } from './supervisor.ts';

export type EgressNotice =
  | {
      type: 'slot-opened';
      /** With whose other sandboxes it shares what one app may take. */
      app: string;
      /** The addresses that its packets come from: IPv4, and IPv6 in its shortest form. */
      sources: string[];
      /** Beyond the public addresses. */
      rules: EgressRule[];
      publicAllowed: boolean;
    }
  | { type: 'slot-closed'; sources: string[] }
  /** Comes with the socket as its handle. */
  | {
      type: 'slot-channel';
      app: string;
      slot: SlotId;
      rules: EgressRule[];
      publicAllowed: boolean;
    }
  | { type: 'egress-opened'; request: number }
  | { type: 'egress-refused'; request: number; reason: string };

export interface OpenEgressRequest {
  type: 'open-egress';
  request: number;
  /** One of the slot's sources, of the family of `address`. */
  source: string;
  /** What a name of the slot's rules was found to mean. */
  address: string;
  /** Null is every port. */
  port: number | null;
  /** For how long new connections are let through; those that were made stay. */
  seconds: number;
}

export interface ChannelTaken {
  type: 'channel-taken';
  slot: SlotId;
}

/** How long a name's address stays open to a slot: a client that caches it for longer has to ask again. */
const MIN_OPEN_SECONDS = 60;
const MAX_OPEN_SECONDS = 3_600;

/** Of an answer that its name server lets others keep for `ttl` seconds. */
export function openSeconds(ttl: number): number {
  return Math.min(MAX_OPEN_SECONDS, Math.max(MIN_OPEN_SECONDS, Math.ceil(ttl)));
}
