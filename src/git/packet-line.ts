/**
 * git's framing: four hex digits that count themselves and the payload; `0000` ends a section
 * (gitprotocol-common).
 */
import { Refusal } from './refusal.ts';

const LENGTH_DIGITS = 4;
/** The longest packet that git sends or takes. */
const MAX_PACKET_BYTES = 65_520;
export const FLUSH_PACKET = '0000';

export interface Packet {
  /** Null for a flush. */
  payload: Buffer | null;
  /** Where the next packet begins. */
  end: number;
}

/**
 * The packet at `at`, or null while it is not whole.
 * @throws Refusal 400 when the bytes are no packet
 */
export function readPacket(bytes: Buffer, at: number): Packet | null {
  if (bytes.length < at + LENGTH_DIGITS) return null;
  const digits = bytes.toString('latin1', at, at + LENGTH_DIGITS);
  if (digits === FLUSH_PACKET) return { payload: null, end: at + LENGTH_DIGITS };
  const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : 0;
  if (length < LENGTH_DIGITS || length > MAX_PACKET_BYTES) {
    throw new Refusal(400, 'the request is not in the git protocol');
  }
  const end = at + length;
  if (bytes.length < end) return null;
  return { payload: bytes.subarray(at + LENGTH_DIGITS, end), end };
}

export function encodePacket(payload: Uint8Array | string): Buffer {
  const body = Buffer.from(payload);
  const length = (body.length + LENGTH_DIGITS).toString(16).padStart(LENGTH_DIGITS, '0');
  return Buffer.concat([Buffer.from(length), body]);
}
