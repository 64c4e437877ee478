/**
 * How an entry is bound to all before it: HMAC-SHA-256 (RFC 2104) over
 *
 *     "gitfn audit 1" \n <id of the key> \n <sequence> \n <mac of the entry before, hex> \n <content>
 *
 * The first follows 32 zero bytes. Nothing before the content can hold a newline, so two entries never have the same
 * bytes.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AuditKey } from './ports.ts';

const MAC_BYTES = 32;

/** What the first entry follows. */
export const GENESIS = { sequence: 0, mac: Buffer.alloc(MAC_BYTES) };

export function macOf(
  { id, key }: AuditKey,
  previousMac: Buffer,
  { sequence, content }: { sequence: number; content: string },
): Buffer {
  return createHmac('sha256', key)
    .update(`gitfn audit 1\n${id}\n${sequence}\n${previousMac.toString('hex')}\n${content}`)
    .digest();
}

export function isSameMac(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
