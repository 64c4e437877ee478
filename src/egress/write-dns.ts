import {
  CLASS_IN,
  DNS_TYPE,
  type DnsQuestion,
  type DnsRecord,
  type DnsResponse,
  encodeName,
  HEADER_BYTES,
} from './dns-message.ts';

/** A query with room for large answers by UDP. */
export function encodeDnsQuery(id: number, question: DnsQuestion, udpBytes: number): Buffer {
  return encode({
    id,
    flags: 0x0100,
    question,
    records: [],
    authority: [],
    options: edns(udpBytes),
  });
}

/** What is longer than `maxBytes` is sent without answers, so that it is asked for by TCP. */
export function encodeDnsResponse(response: DnsResponse, maxBytes: number): Buffer {
  const { id, question, code, answers, authority, reason, udpBytes } = response;
  const options = udpBytes === null ? null : edns(OWN_UDP_BYTES, reason);
  // A response, recursion desired and available.
  const whole = encode({
    id,
    flags: 0x8180 | code,
    question,
    records: answers,
    authority,
    options,
  });
  if (whole.length <= maxBytes) return whole;
  return encode({ id, flags: 0x8380 | code, question, records: [], authority: [], options: null });
}

/** Never fragmented on the way (DNS flag day 2020). */
export const OWN_UDP_BYTES = 1232;

function edns(udpBytes: number, reason: DnsResponse['reason'] = null): Buffer {
  const text = Buffer.from(reason?.text ?? '');
  const data = reason === null ? Buffer.alloc(0) : Buffer.alloc(6 + text.length);
  if (reason !== null) {
    data.writeUInt16BE(15, 0); // Extended DNS error.
    data.writeUInt16BE(2 + text.length, 2);
    data.writeUInt16BE(reason.code, 4);
    text.copy(data, 6);
  }
  const head = Buffer.alloc(11);
  head.writeUInt16BE(DNS_TYPE.OPT, 1);
  head.writeUInt16BE(udpBytes, 3);
  head.writeUInt16BE(data.length, 9);
  return Buffer.concat([head, data]);
}

interface Parts {
  id: number;
  flags: number;
  question: DnsQuestion;
  records: readonly DnsRecord[];
  authority: readonly DnsRecord[];
  options: Buffer | null;
}

function encode({ id, flags, question, records, authority, options }: Parts): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  const counts = [id, flags, 1, records.length, authority.length, options === null ? 0 : 1];
  for (const [index, count] of counts.entries()) head.writeUInt16BE(count, 2 * index);
  const asked = Buffer.alloc(4);
  asked.writeUInt16BE(question.type, 0);
  asked.writeUInt16BE(CLASS_IN, 2);
  const body = [...records, ...authority].map(encodeRecord);
  return Buffer.concat([
    head,
    encodeName(question.name),
    asked,
    ...body,
    options ?? Buffer.alloc(0),
  ]);
}

function encodeRecord({ name, type, ttl, data }: DnsRecord): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(CLASS_IN, 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(name), head, data]);
}
