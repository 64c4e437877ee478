/** As much of DNS messages (RFC 1035 section 4) as an update has: made here, and of answers only what is looked for. */

export const DNS_TYPE = { SOA: 6, TXT: 16 } as const;
export const DNS_CLASS = { IN: 1, NONE: 254 } as const;
export const DNS_OPCODE = { QUERY: 0, UPDATE: 5 } as const;

export const HEADER_BYTES = 12;
const MAX_RECORDS = 256;
const POINTER = 0xc0;
const MAX_TEXT_BYTES = 255;

export interface WireRecord {
  name: string;
  type: number;
  ofClass: number;
  ttl: number;
  data: Buffer;
}

export interface WireMessage {
  id: number;
  opcode: number;
  /** Of a query the question, of an update its zone. */
  question: { name: string; type: number };
  /** The records of an update. */
  updates: readonly WireRecord[];
}

export function encodeMessage({ id, opcode, question, updates }: WireMessage): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  for (const [index, value] of [id, opcode << 11, 1, 0, updates.length, 0].entries()) {
    head.writeUInt16BE(value, 2 * index);
  }
  const asked = Buffer.alloc(4);
  asked.writeUInt16BE(question.type, 0);
  asked.writeUInt16BE(DNS_CLASS.IN, 2);
  return Buffer.concat([head, encodeDnsName(question.name), asked, ...updates.map(encodeRecord)]);
}

function encodeRecord({ name, type, ofClass, ttl, data }: WireRecord): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(ofClass, 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeDnsName(name), head, data]);
}

/** In lower case, as signatures have it (RFC 8945 section 4.3.3). The root is empty. */
export function encodeDnsName(name: string): Buffer {
  const labels = name === '' ? [] : name.toLowerCase().split('.');
  const parts = labels.map((label) => Buffer.from(`\0${label}`, 'latin1'));
  for (const part of parts) part.writeUInt8(part.length - 1, 0);
  return Buffer.concat([...parts, Buffer.alloc(1)]);
}

/** The data of a TXT record: texts of at most 255 bytes. */
export function encodeText(value: string): Buffer {
  const bytes = Buffer.from(value);
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += MAX_TEXT_BYTES) {
    const part = bytes.subarray(at, at + MAX_TEXT_BYTES);
    parts.push(Buffer.from([part.length]), part);
  }
  return Buffer.concat(parts);
}

export interface AnswerHead {
  id: number;
  isResponse: boolean;
  isAuthoritative: boolean;
  code: number;
  answers: number;
}

/** Null for what is no message. */
export function readHead(message: Buffer): AnswerHead | null {
  if (message.length < HEADER_BYTES) return null;
  const flags = message.readUInt16BE(2);
  return {
    id: message.readUInt16BE(0),
    isResponse: (flags & 0x8000) !== 0,
    isAuthoritative: (flags & 0x0400) !== 0,
    code: flags & 0xf,
    answers: message.readUInt16BE(6),
  };
}

export interface PlacedRecord {
  /** Where it begins. */
  start: number;
  type: number;
  data: Buffer;
}

/** All records of all sections, in order. @throws RangeError for a message that is cut off or has too many */
export function skipRecords(message: Buffer): PlacedRecord[] {
  const [questions = 0, ...sections] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at));
  const count = sections.reduce((sum, one) => sum + one, 0);
  if (questions > 1 || count > MAX_RECORDS) throw new RangeError('too many records');
  let at = HEADER_BYTES;
  if (questions === 1) at = endOfName(message, at) + 4;
  return Array.from({ length: count }, () => {
    const start = at;
    const head = endOfName(message, at);
    const length = message.readUInt16BE(head + 8);
    at = head + 10 + length;
    if (at > message.length) throw new RangeError('cut off');
    return { start, type: message.readUInt16BE(head), data: message.subarray(head + 10, at) };
  });
}

/** A pointer ends a name; where it leads to is not looked at. */
function endOfName(message: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = message.readUInt8(at);
    if (length >= POINTER) return at + 2;
    at += 1 + length;
    if (length === 0) return at;
  }
}
