import {
  CLASS_IN,
  DNS_TYPE,
  DnsFormatError,
  type DnsMessage,
  type DnsRecord,
  encodeName,
  HEADER_BYTES,
} from './dns-message.ts';

const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
/** More than any honest answer has; each may stand for a call to the supervisor. */
const MAX_RECORDS = 256;
const POINTER = 0xc0;

/** Types of which the data holds names: where in it they begin; what stands before is copied. */
const NAME_AT: Readonly<Record<number, number>> = {
  [DNS_TYPE.NS]: 0,
  [DNS_TYPE.CNAME]: 0,
  [DNS_TYPE.PTR]: 0,
  [DNS_TYPE.MX]: 2,
  [DNS_TYPE.SRV]: 6,
};
const PLAIN_TYPES: ReadonlySet<number> = new Set([DNS_TYPE.TXT, DNS_TYPE.CAA]);

/** ipv4hint and ipv6hint. */
const ADDRESS_HINTS: ReadonlySet<number> = new Set([4, 6]);

/** @throws DnsFormatError */
export function readDnsMessage(message: Buffer): DnsMessage {
  const reader = new Reader(message);
  const id = reader.u16();
  const flags = reader.u16();
  const [questions, answers, authority, additional] = [0, 0, 0, 0].map(() => reader.u16());
  if (((flags >> 11) & 0xf) !== 0 || questions !== 1) throw new DnsFormatError('not one question');
  const question = { name: reader.name(), type: reader.u16() };
  if (reader.u16() !== CLASS_IN) throw new DnsFormatError('a class that is not IN');
  const total = (answers ?? 0) + (authority ?? 0) + (additional ?? 0);
  if (total > MAX_RECORDS) throw new DnsFormatError('too many records');
  const isTruncated = (flags & 0x0200) !== 0;
  const head = { id, isResponse: (flags & 0x8000) !== 0, isTruncated, code: flags & 0xf, question };
  // What follows may be cut off anywhere: it is asked for again by TCP.
  if (head.isResponse && isTruncated)
    return { ...head, answers: [], authority: [], udpBytes: null };
  const answered = reader.records(answers ?? 0);
  const zone = reader.records(authority ?? 0).filter(({ type }) => type === DNS_TYPE.SOA);
  const options = reader.records(additional ?? 0).find(({ type }) => type === DNS_TYPE.OPT);
  return {
    ...head,
    answers: answered.filter(({ type }) => type !== DNS_TYPE.OPT),
    authority: zone.slice(0, 1),
    udpBytes: options?.udpBytes ?? null,
  };
}

class Reader {
  readonly #message: Buffer;
  #at = 0;

  constructor(message: Buffer) {
    if (message.length < HEADER_BYTES) throw new DnsFormatError('cut off');
    this.#message = message;
  }

  u16(): number {
    this.#need(2);
    this.#at += 2;
    return this.#message.readUInt16BE(this.#at - 2);
  }

  u32(): number {
    return this.u16() * 0x1_0000 + this.u16();
  }

  /** Follows pointers only to what stands before the name that holds them, so that it comes to an end. */
  name(): string {
    const labels: string[] = [];
    let at = this.#at;
    let end: number | null = null;
    let before = at;
    let bytes = 1;
    for (;;) {
      const length = this.#message[at];
      if (length === undefined) throw new DnsFormatError('cut off');
      if (length >= POINTER) {
        const low = this.#message[at + 1];
        if (low === undefined) throw new DnsFormatError('cut off');
        end ??= at + 2;
        at = (length - POINTER) * 256 + low;
        if (at >= before) throw new DnsFormatError('a name that points ahead');
        before = at;
        continue;
      }
      at += 1;
      if (length === 0) break;
      bytes += length + 1;
      if (length > MAX_LABEL_BYTES || bytes > MAX_NAME_BYTES)
        throw new DnsFormatError('a long name');
      labels.push(label(this.#message.subarray(at, at + length), length));
      at += length;
    }
    this.#at = end ?? at;
    return labels.join('.');
  }

  records(count: number): (DnsRecord & { udpBytes?: number })[] {
    const records: (DnsRecord & { udpBytes?: number })[] = [];
    for (let index = 0; index < count; index++) {
      const record = this.#record();
      if (record !== null) records.push(record);
    }
    return records;
  }

  /** Null for a type that is not passed on. */
  #record(): (DnsRecord & { udpBytes?: number }) | null {
    const name = this.name();
    const type = this.u16();
    const ofClass = this.u16();
    const ttl = this.u32();
    const length = this.u16();
    this.#need(length);
    const end = this.#at + length;
    if (type === DNS_TYPE.OPT) {
      this.#at = end;
      return { name, type, ttl: 0, data: Buffer.alloc(0), udpBytes: ofClass };
    }
    const data = ofClass === CLASS_IN ? this.#data(type, end) : null;
    if (data !== null && this.#at !== end) throw new DnsFormatError('data of another length');
    this.#at = end;
    // "A TTL with the most significant bit set is zero" (RFC 2181 section 8).
    return data && { name, type, ttl: ttl > 0x7fff_ffff ? 0 : ttl, data };
  }

  #data(type: number, end: number): Buffer | null {
    const nameAt = NAME_AT[type];
    if (nameAt !== undefined) {
      const head = this.#bytes(nameAt, end);
      return Buffer.concat([head, encodeName(this.name())]);
    }
    if (type === DNS_TYPE.SOA) {
      const names = [encodeName(this.name()), encodeName(this.name())];
      return Buffer.concat([...names, this.#bytes(20, end)]);
    }
    if (type === DNS_TYPE.A) return this.#bytes(4, end);
    if (type === DNS_TYPE.AAAA) return this.#bytes(16, end);
    if (type === DNS_TYPE.HTTPS || type === DNS_TYPE.SVCB) return this.#service(end);
    return PLAIN_TYPES.has(type) ? this.#bytes(end - this.#at, end) : null;
  }

  /** RFC 9460, without the addresses that it may hint at. */
  #service(end: number): Buffer {
    const parts = [this.#bytes(2, end), encodeName(this.name())];
    while (this.#at < end) {
      const key = this.u16();
      const length = this.u16();
      const value = this.#bytes(length, end);
      if (ADDRESS_HINTS.has(key)) continue;
      const head = Buffer.alloc(4);
      head.writeUInt16BE(key, 0);
      head.writeUInt16BE(length, 2);
      parts.push(head, value);
    }
    return Buffer.concat(parts);
  }

  #bytes(count: number, end: number): Buffer {
    if (count < 0 || this.#at + count > end) throw new DnsFormatError('data of another length');
    this.#at += count;
    return this.#message.subarray(this.#at - count, this.#at);
  }

  #need(count: number): void {
    if (this.#at + count > this.#message.length) throw new DnsFormatError('cut off');
  }
}

/** What is no visible ASCII, or would be taken for a separator, is in no name that anybody should connect to. */
function label(bytes: Buffer, length: number): string {
  const text = bytes.toString('latin1');
  if (bytes.length < length) throw new DnsFormatError('cut off');
  if (!/^[!-~]+$/.test(text) || text.includes('.')) throw new DnsFormatError('an odd name');
  return text;
}
