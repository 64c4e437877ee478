/**
 * DNS messages (RFC 1035), as much as a forwarder needs that trusts neither end: what is read is checked against
 * bounds, and what is sent is made anew from what was understood. Nothing that was not understood passes.
 */
import { formatIpAddress } from '../std/ip-address.ts';

export const DNS_TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  SVCB: 64,
  HTTPS: 65,
  CAA: 257,
} as const;

export const DNS_CODE = {
  OK: 0,
  FORMAT: 1,
  SERVER: 2,
  NO_NAME: 3,
  UNKNOWN: 4,
  REFUSED: 5,
} as const;

export interface DnsQuestion {
  /** Labels joined by dots, as they were written; the root is empty. */
  name: string;
  type: number;
}

export interface DnsRecord extends DnsQuestion {
  ttl: number;
  /** As it is sent: names in it are not compressed. */
  data: Buffer;
}

export interface DnsMessage {
  id: number;
  isResponse: boolean;
  isTruncated: boolean;
  code: number;
  question: DnsQuestion;
  answers: DnsRecord[];
  /** The zone's own record says how long a "no" may be kept (RFC 2308); nothing else of the section is read. */
  authority: DnsRecord[];
  /** What the sender takes by UDP, when it has EDNS (RFC 6891). */
  udpBytes: number | null;
}

export class DnsFormatError extends Error {}

export const HEADER_BYTES = 12;
export const CLASS_IN = 1;

export interface DnsResponse {
  id: number;
  question: DnsQuestion;
  code: number;
  answers: readonly DnsRecord[];
  authority: readonly DnsRecord[];
  /** Why there is less than was asked for; only for who understands EDNS (RFC 8914). */
  reason: { code: number; text: string } | null;
  /** Of the query. */
  udpBytes: number | null;
}

/** RFC 8914. */
export const DNS_REASON = { BLOCKED: 15, FILTERED: 17, PROHIBITED: 18 } as const;

/** The address that a record of type A or AAAA says; null for any other. */
export function addressOf({ type, data }: DnsRecord): string | null {
  if (type !== DNS_TYPE.A && type !== DNS_TYPE.AAAA) return null;
  return formatIpAddress({
    family: type === DNS_TYPE.A ? 4 : 6,
    bits: BigInt(`0x${data.toString('hex')}`),
  });
}

/** The data of an address's record. */
export function addressData(address: { family: 4 | 6; bits: bigint }): Buffer {
  const digits = address.family === 4 ? 8 : 32;
  return Buffer.from(address.bits.toString(16).padStart(digits, '0'), 'hex');
}

export function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.');
  const parts = labels.flatMap((text) => [Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
  return Buffer.concat([...parts, Buffer.from([0])]);
}
