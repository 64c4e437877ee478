import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressOf,
  DNS_CODE,
  DNS_TYPE,
  DnsFormatError,
  type DnsRecord,
} from '../../src/egress/dns-message.ts';
import { readDnsMessage } from '../../src/egress/read-dns.ts';
import { encodeDnsQuery, encodeDnsResponse } from '../../src/egress/write-dns.ts';

const QUESTION = { name: 'db.example.com', type: DNS_TYPE.A };

function response(
  answers: DnsRecord[],
  maxBytes = 65_535,
  reason: null | { code: number; text: string } = null,
) {
  const head = { id: 7, question: QUESTION, code: DNS_CODE.OK, authority: [], udpBytes: 1232 };
  return encodeDnsResponse({ ...head, answers, reason }, maxBytes);
}

/** A response with one record written byte by byte, whose name points to the question's. */
function handMade(type: number, data: Buffer | string, name = Buffer.from('c00c', 'hex')): Buffer {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'hex') : data;
  const whole = response([]);
  const question = whole.subarray(0, whole.length - 11);
  question.writeUInt16BE(1, 6);
  question.writeUInt16BE(0, 10);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt16BE(bytes.length, 8);
  return Buffer.concat([question, name, head, bytes]);
}

describe('a message', () => {
  it('says again what was said', () => {
    const query = readDnsMessage(encodeDnsQuery(0xabcd, QUESTION, 1232));
    expect(query).toMatchObject({
      id: 0xabcd,
      isResponse: false,
      question: QUESTION,
      udpBytes: 1232,
    });
    const answers = [
      { name: 'db.example.com', type: DNS_TYPE.A, ttl: 60, data: Buffer.from([8, 8, 8, 8]) },
      { name: 'x.y', type: DNS_TYPE.TXT, ttl: 0, data: Buffer.from('\u0003abc') },
    ];
    const read = readDnsMessage(response(answers));
    expect(read).toMatchObject({ isResponse: true, code: 0, answers });
    expect(read.answers.map(addressOf)).toEqual(['8.8.8.8', null]);
  });

  it('that is too long for UDP is cut to its question, and says so', () => {
    const data = Buffer.alloc(250);
    const answers = Array.from({ length: 9 }, () => ({
      name: 'a',
      type: DNS_TYPE.TXT,
      ttl: 1,
      data,
    }));
    const cut = response(answers, 512);
    expect(cut.length).toBeLessThanOrEqual(512);
    expect(readDnsMessage(cut)).toMatchObject({ isTruncated: true, answers: [] });
  });

  it('tells its reason by EDNS, which does not disturb it', () => {
    const bytes = response([], 512, { code: 18, text: 'not yours' });
    expect(bytes.includes('not yours')).toBe(true);
    expect(readDnsMessage(bytes)).toMatchObject({ code: 0, answers: [] });
  });

  it('has its compressed names read in full', () => {
    // MX: preference, then "mail" and a pointer to the question.
    const read = readDnsMessage(handMade(DNS_TYPE.MX, '000a046d61696cc00c'));
    expect(read.answers[0]?.data.toString('latin1')).toBe(
      '\0\n\u0004mail\u0002db\u0007example\u0003com\0',
    );
  });

  it('loses the addresses that a service hints at, and keeps the rest', () => {
    // Priority 1, target root, alpn h2, ipv4hint 10.0.0.1, port 443.
    const data = '00010000010003026832000400040a0000010003000201bb';
    const read = readDnsMessage(handMade(DNS_TYPE.HTTPS, data));
    expect(read.answers[0]?.data.toString('hex')).toBe('000100000100030268320003000201bb');
  });

  it('loses records of types that nobody asks for', () => {
    expect(readDnsMessage(handMade(46, 'ffff')).answers).toEqual([]);
  });

  it.each([
    ['a name that points to itself', handMade(DNS_TYPE.A, '08080808', Buffer.from('c020', 'hex'))],
    ['a name that points ahead', handMade(DNS_TYPE.A, '08080808', Buffer.from('c0ff', 'hex'))],
    ['an address of three bytes', handMade(DNS_TYPE.A, '080808')],
    ['an address of five bytes', handMade(DNS_TYPE.A, '0808080808')],
    ['a CNAME with more behind it', handMade(DNS_TYPE.CNAME, '0161000000')],
    ['a CNAME that ends in what follows', handMade(DNS_TYPE.CNAME, '0561')],
    ['a label with a dot', handMade(DNS_TYPE.CNAME, '03612e6200')],
    ['a label with a NUL', handMade(DNS_TYPE.CNAME, '0361006200')],
    ['a hint that is longer than its record', handMade(DNS_TYPE.SVCB, '000100000400080a000001')],
    ['nothing', Buffer.alloc(0)],
    ['a header alone', Buffer.alloc(12)],
  ])('is refused: %s', (_, bytes) => {
    expect(() => readDnsMessage(bytes)).toThrow(DnsFormatError);
  });

  it('is refused with two questions, another class, another operation, or too many records', () => {
    const change = (at: number, value: number): Buffer => {
      const bytes = encodeDnsQuery(1, QUESTION, 1232);
      bytes.writeUInt16BE(value, at);
      return bytes;
    };
    const classAt = 12 + 16 + 2;
    for (const bytes of [change(4, 2), change(classAt, 3), change(2, 0x2900), change(6, 60_000)]) {
      expect(() => readDnsMessage(bytes)).toThrow(DnsFormatError);
    }
  });

  it('of any bytes is read or refused, and what was read can be sent', () => {
    const header = fc.constantFrom('000181800001000200010001', '000101000001000000000001');
    const body = fc.uint8Array({ maxLength: 120 });
    const seeded = fc
      .tuple(header, body)
      .map(([head, rest]) =>
        Buffer.concat([Buffer.from(head, 'hex'), Buffer.from('01610000010001', 'hex'), rest]),
      );
    const mutated = fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 255 })).map(([at, value]) => {
      const bytes = Buffer.from(handMade(DNS_TYPE.MX, '000a046d61696cc00c'));
      bytes[at % bytes.length] = value;
      return bytes;
    });
    const random = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(seeded, mutated, random), (bytes) => {
        try {
          const { id, question, code, answers, authority } = readDnsMessage(bytes);
          const again = { id, question, code, answers, authority, reason: null, udpBytes: null };
          expect(readDnsMessage(encodeDnsResponse(again, 65_535))).toMatchObject({
            question,
            answers,
          });
        } catch (error) {
          if (!(error instanceof DnsFormatError)) throw error;
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
