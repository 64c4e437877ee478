/**
 * The first message of a TLS client (RFC 8446 section 4.1.2), as far as it names the server and tells a CA that validates a
 * host from everybody else. What is wrong with it is for OpenSSL to say, which reads it again.
 *
 *     record: type 22 | version, 2 bytes | length, 2 | message: type 1 | length, 3 | version, 2 | random, 32 |
 *       session id, 1+n | cipher suites, 2+n | compression, 1+n | extensions, 2+n: type, 2 | length, 2 | content
 */
export type ClientHello =
  /** Not all of it has come. */
  | { kind: 'partial' }
  /** No TLS, or in several records, as no usual client has it. */
  | { kind: 'other' }
  | { kind: 'hello'; serverName: string | null; protocols: string[] };

const RECORD_HEAD_BYTES = 5;
const MESSAGE_HEAD_BYTES = 4;
/** A record's most (RFC 8446 section 5.1). */
const MAX_RECORD_BYTES = 16 * 1024;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const PROTOCOLS = 16;
const HOST_NAME = 0;

export const MAX_HELLO_BYTES = RECORD_HEAD_BYTES + MAX_RECORD_BYTES;

export function readClientHello(bytes: Buffer): ClientHello {
  if (bytes.length > 0 && bytes[0] !== HANDSHAKE) return { kind: 'other' };
  if (bytes.length < RECORD_HEAD_BYTES + MESSAGE_HEAD_BYTES) return { kind: 'partial' };
  const recordBytes = bytes.readUInt16BE(3);
  const helloBytes = bytes.readUIntBE(RECORD_HEAD_BYTES + 1, 3);
  const isWhole = helloBytes + MESSAGE_HEAD_BYTES === recordBytes;
  if (bytes[RECORD_HEAD_BYTES] !== CLIENT_HELLO || !isWhole || recordBytes > MAX_RECORD_BYTES) {
    return { kind: 'other' };
  }
  if (bytes.length < RECORD_HEAD_BYTES + recordBytes) return { kind: 'partial' };
  const start = RECORD_HEAD_BYTES + MESSAGE_HEAD_BYTES;
  try {
    return readMessage(new Reader(bytes.subarray(start, start + helloBytes)));
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'other' };
    throw error;
  }
}

function readMessage(message: Reader): ClientHello {
  message.take(2 + 32);
  message.vector(1);
  message.vector(2);
  message.vector(1);
  const hello: ClientHello = { kind: 'hello', serverName: null, protocols: [] };
  const extensions = message.vector(2);
  while (extensions.hasMore) {
    const type = extensions.number(2);
    const content = extensions.vector(2);
    if (type === SERVER_NAME) hello.serverName = readServerName(content.vector(2));
    if (type === PROTOCOLS) hello.protocols = readProtocols(content.vector(2));
  }
  return hello;
}

function readServerName(names: Reader): string | null {
  while (names.hasMore) {
    const type = names.number(1);
    const name = names.vector(2).text;
    if (type === HOST_NAME) return name;
  }
  return null;
}

function readProtocols(list: Reader): string[] {
  const protocols: string[] = [];
  while (list.hasMore) protocols.push(list.vector(1).text);
  return protocols;
}

/** Throws a RangeError where the bytes end before what they announce. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }

  get text(): string {
    return this.#bytes.toString('latin1');
  }

  number(bytes: number): number {
    const value = this.#bytes.readUIntBE(this.#at, bytes);
    this.#at += bytes;
    return value;
  }

  /** What follows its own length, which has so many bytes. */
  vector(lengthBytes: number): Reader {
    return new Reader(this.take(this.number(lengthBytes)));
  }

  take(bytes: number): Buffer {
    if (this.#at + bytes > this.#bytes.length) throw new RangeError('it ends too early');
    this.#at += bytes;
    return this.#bytes.subarray(this.#at - bytes, this.#at);
  }
}
