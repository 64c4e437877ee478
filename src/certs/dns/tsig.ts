/** Signs and checks DNS messages with a key that both ends have (TSIG, RFC 8945). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { encodeDnsName, skipRecords } from './dns-wire.ts';

export interface TsigKey {
  name: string;
  algorithm: TsigAlgorithm;
  secret: Buffer;
}

export const TSIG_ALGORITHMS = ['hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const;
export type TsigAlgorithm = (typeof TSIG_ALGORITHMS)[number];

/** What the other end says of the signature, or what is wrong with the answer's. */
export type TsigCheck =
  | { kind: 'good' }
  | { kind: 'unsigned' }
  | { kind: 'bad' }
  /** RFC 8945 section 5.2: the other end's own words. */
  | {
      kind: 'refused';
      why: 'BADSIG' | 'BADKEY' | 'BADTIME' | 'BADTRUNC' | 'other';
      serverTime: number | null;
    };

const TYPE_TSIG = 250;
const CLASS_ANY = 255;
/** Seconds by which clocks may differ (RFC 8945 section 10). */
const FUDGE_SECONDS = 300;
const ERRORS = { 16: 'BADSIG', 17: 'BADKEY', 18: 'BADTIME', 22: 'BADTRUNC' } as const;

export interface SignedMessage {
  message: Buffer;
  mac: Buffer;
}

/** @param nowSeconds since 1970 */
export function signMessage(message: Buffer, key: TsigKey, nowSeconds: number): SignedMessage {
  const time = timeField(nowSeconds);
  const mac = macOf(key, [message, variables(key, { time, error: 0, other: Buffer.alloc(0) })]);
  const record = tsigRecord(key, { time, mac, originalId: message.readUInt16BE(0) });
  const signed = Buffer.concat([message, record]);
  signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10);
  return { message: signed, mac };
}

/** @param requestMac of the query: an answer signs it as well, so that it fits no other query */
export function checkAnswer(
  answer: Buffer,
  { key, requestMac, nowSeconds }: { key: TsigKey; requestMac: Buffer; nowSeconds: number },
): TsigCheck {
  const found = findTsig(answer);
  if (found === null) return { kind: 'unsigned' };
  const { start, mac, time, error, other, originalId } = found;
  if (error !== 0) {
    const why = ERRORS[error as keyof typeof ERRORS] ?? 'other';
    const serverTime = other.length === 6 ? other.readUIntBE(0, 6) : null;
    return { kind: 'refused', why, serverTime };
  }
  // As it was before it was signed.
  const plain = Buffer.from(answer.subarray(0, start));
  plain.writeUInt16BE(originalId, 0);
  plain.writeUInt16BE(plain.readUInt16BE(10) - 1, 10);
  const expected = macOf(key, [
    lengthOf(requestMac),
    requestMac,
    plain,
    variables(key, { time, error, other }),
  ]);
  const isGood = mac.length === expected.length && timingSafeEqual(mac, expected);
  const isRecent = Math.abs(time.readUIntBE(0, 6) - nowSeconds) <= FUDGE_SECONDS;
  return { kind: isGood && isRecent ? 'good' : 'bad' };
}

function macOf({ algorithm, secret }: TsigKey, parts: readonly Buffer[]): Buffer {
  const hmac = createHmac(algorithm.slice('hmac-'.length), secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

/** RFC 8945 section 4.3.3. */
function variables(
  key: TsigKey,
  { time, error, other }: { time: Buffer; error: number; other: Buffer },
): Buffer {
  return Buffer.concat([
    encodeDnsName(key.name),
    u16(CLASS_ANY),
    Buffer.alloc(4), // TTL
    encodeDnsName(key.algorithm),
    time,
    u16(FUDGE_SECONDS),
    u16(error),
    lengthOf(other),
    other,
  ]);
}

function tsigRecord(
  key: TsigKey,
  { time, mac, originalId }: { time: Buffer; mac: Buffer; originalId: number },
): Buffer {
  const data = Buffer.concat([
    encodeDnsName(key.algorithm),
    time,
    u16(FUDGE_SECONDS),
    lengthOf(mac),
    mac,
    u16(originalId),
    u16(0), // No error.
    u16(0), // Nothing else.
  ]);
  const head = [encodeDnsName(key.name), u16(TYPE_TSIG), u16(CLASS_ANY), Buffer.alloc(4)];
  return Buffer.concat([...head, lengthOf(data), data]);
}

interface FoundTsig {
  /** Where the record begins. */
  start: number;
  time: Buffer;
  mac: Buffer;
  originalId: number;
  error: number;
  other: Buffer;
}

/** It is the last record of the last section, or there is none. */
function findTsig(message: Buffer): FoundTsig | null {
  const last = skipRecords(message).at(-1);
  if (last?.type !== TYPE_TSIG) return null;
  const { start, data } = last;
  // The algorithm's name is never compressed (RFC 8945 section 4.2).
  const nameBytes = data.indexOf(0) + 1;
  const macBytes = data.readUInt16BE(nameBytes + 8);
  const after = nameBytes + 10 + macBytes;
  return {
    start,
    time: data.subarray(nameBytes, nameBytes + 6),
    mac: data.subarray(nameBytes + 10, after),
    originalId: data.readUInt16BE(after),
    error: data.readUInt16BE(after + 2),
    other: data.subarray(after + 6, after + 6 + data.readUInt16BE(after + 4)),
  };
}

function timeField(seconds: number): Buffer {
  const field = Buffer.alloc(6);
  field.writeUIntBE(Math.floor(seconds), 0, 6);
  return field;
}

function lengthOf(bytes: Buffer): Buffer {
  return u16(bytes.length);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value, 0);
  return bytes;
}
