import { EventEmitter } from 'node:events';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { StreamHead } from './stream-head.ts';

/** A stream's request, as those who answer over HTTP/1.1 know one. Its body comes no faster than it is read. */
export class StreamRequest extends IncomingMessage {
  readonly #stream: ServerHttp2Stream;
  #isReading = false;
  #bodyBytes = 0;

  constructor(stream: ServerHttp2Stream, { method, target, fields }: StreamHead) {
    const socket = new StreamSocket(stream, () => this.#bodyBytes);
    // Of a socket it needs what it asks of it, which is little.
    super(socket as unknown as Socket);
    this.#stream = stream;
    this.method = method;
    this.url = target;
    this.httpVersion = '2.0';
    this.httpVersionMajor = 2;
    this.httpVersionMinor = 0;
    addFields(this, fields);
    if (stream.endAfterHeaders) {
      this.complete = true;
      this.push(null);
      return;
    }
    stream.on('trailers', (_trailers, _flags, raw: string[]) => void this.rawTrailers.push(...raw));
    stream.on('end', () => {
      // A stream that was closed ends as well, and what had come of it is thrown away.
      if (stream.closed) return;
      this.complete = true;
      this.push(null);
    });
    stream.on('close', () => void this.destroy());
  }

  /** Of the body, so far. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  override _read(): void {
    if (this.#isReading) {
      this.#stream.resume();
      return;
    }
    this.#isReading = true;
    this.#stream.on('data', (chunk: Buffer) => {
      this.#bodyBytes += chunk.length;
      if (!this.push(chunk)) this.#stream.pause();
    });
  }

  /** The request alone, where Node's own would end the connection of all streams. */
  override _destroy(_error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.complete && !this.readableEnded) this.emit('aborted');
    done();
  }
}

/** Where the socket of a request's connection would be: what happens to it happens to this one stream. */
class StreamSocket extends EventEmitter {
  readonly #stream: ServerHttp2Stream;
  readonly #bodyBytes: () => number;
  readonly remoteAddress: string | undefined;

  constructor(stream: ServerHttp2Stream, bodyBytes: () => number) {
    super();
    this.#stream = stream;
    this.#bodyBytes = bodyBytes;
    this.remoteAddress = stream.session?.socket.remoteAddress;
    stream.on('close', () => this.emit('close'));
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  get bytesRead(): number {
    return this.#bodyBytes();
  }

  destroy(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL);
  }
}

/** By a private method: the only way to have fields joined as Node joins them for HTTP/1.1. */
function addFields(request: IncomingMessage, fields: readonly string[]): void {
  const internals = request as IncomingMessage & {
    _addHeaderLines(lines: string[], count: number): void;
  };
  internals._addHeaderLines([...fields], fields.length);
}
