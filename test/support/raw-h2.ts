/** A client of HTTP/2 that sends frames as they are told, right or wrong (RFC 9113 section 4). */
import { once } from 'node:events';
import tls from 'node:tls';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const HEADER_BYTES = 9;
const GOAWAY = 7;

export const TYPES = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: GOAWAY,
  window: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;

export interface Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

export function frame(
  type: number,
  stream: number,
  { flags = 0, payload = Buffer.alloc(0) }: { flags?: number; payload?: Buffer } = {},
): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

export function number(value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
}

/** Of SETTINGS. */
export function setting(id: number, value: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(id);
  payload.writeUInt32BE(value, 2);
  return payload;
}

/** Fields as HPACK has them without any table (RFC 7541 section 6.2.2). */
export function fieldBlock(fields: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(fields).flatMap(([name, value]) => [
    Buffer.from([0]),
    text(name),
    text(value),
  ]);
  return Buffer.concat(parts);
}

/** A GET without a body. */
export function get(stream: number, host: string, path = '/'): Buffer {
  return frame(TYPES.headers, stream, {
    flags: END_STREAM | END_HEADERS,
    payload: fieldBlock({ ...PSEUDO, ':authority': host, ':path': path }),
  });
}

/** A POST whose body follows. */
export function post(stream: number, host: string, path = '/'): Buffer {
  return frame(TYPES.headers, stream, {
    flags: END_HEADERS,
    payload: fieldBlock({ ...PSEUDO, ':method': 'POST', ':authority': host, ':path': path }),
  });
}

const PSEUDO = { ':method': 'GET', ':scheme': 'https' };

/** A string literal; lengths of an integer with a prefix of 7 bits. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  length.push(rest);
  return Buffer.concat([Buffer.from(length), bytes]);
}

export class RawH2 {
  readonly frames: Frame[] = [];
  readonly socket: tls.TLSSocket;
  readonly closed: Promise<unknown>;
  #unread = Buffer.alloc(0);

  static async connect(port: number, settings: Buffer = Buffer.alloc(0)): Promise<RawH2> {
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    await once(socket, 'secureConnect');
    const client = new RawH2(socket);
    client.send(Buffer.from(PREFACE), frame(TYPES.settings, 0, { payload: settings }));
    return client;
  }

  constructor(socket: tls.TLSSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {}); // 'close' follows.
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  send(...frames: Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  /** The same again and again, as fast as it is taken, until the connection ends. */
  async flood(frames: Buffer): Promise<void> {
    while (!this.socket.destroyed && this.socket.writable) {
      if (this.socket.write(frames)) await new Promise((resolve) => setImmediate(resolve));
      else await Promise.race([once(this.socket, 'drain'), this.closed]).catch(() => {});
    }
  }

  of(type: number): Frame[] {
    return this.frames.filter((one) => one.type === type);
  }

  /** The reason that GOAWAY gave; null when there was none. */
  get endCode(): number | null {
    return this.of(GOAWAY).at(-1)?.payload.readUInt32BE(4) ?? null;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    for (;;) {
      if (this.#unread.length < HEADER_BYTES) return;
      const end = HEADER_BYTES + this.#unread.readUIntBE(0, 3);
      if (this.#unread.length < end) return;
      const { 3: type = 0, 4: flags = 0 } = this.#unread;
      const payload = this.#unread.subarray(HEADER_BYTES, end);
      this.frames.push({ type, flags, stream: this.#unread.readUInt32BE(5), payload });
      this.#unread = this.#unread.subarray(end);
    }
  }
}
