import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { Writable } from 'node:stream';
import type { StreamRequest } from './stream-request.ts';
import { fieldsOfHead, isWithoutContent } from './response-fields.ts';

type Done = (error?: Error | null) => void;

/** A stream's response, as those who answer over HTTP/1.1 know one. What is written waits for the client to take it. */
export class StreamResponse extends Writable {
  readonly req: StreamRequest;
  /** There is none of its own to speak of. */
  readonly socket = null;
  statusCode = 200;
  readonly #stream: ServerHttp2Stream;
  readonly #trailers: OutgoingHttpHeaders = {};
  readonly #set: string[] = [];
  #hasNoBody = false;
  #passedBytes = 0;

  constructor(stream: ServerHttp2Stream, request: StreamRequest) {
    super();
    this.req = request;
    this.#stream = stream;
    this.on('error', () => {}); // 'close' says all.
    stream.on('close', () => void this.destroy());
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  /** Bytes that were handed to the stream. */
  get passedBytes(): number {
    return this.#passedBytes;
  }

  /** Sent with the head, whatever is in that. */
  setHeader(name: string, value: string): this {
    this.#set.push(name, value);
    return this;
  }

  writeHead(status: number, head: Parameters<typeof fieldsOfHead>[1] = []): this {
    if (isOver(this.#stream)) return this;
    this.statusCode = status;
    this.#hasNoBody = this.req.method === 'HEAD' || isWithoutContent(status);
    const fields = [...fieldsOfHead(status, head), ...this.#set];
    if (this.#hasNoBody) this.#stream.respond(fields, { endStream: true });
    else this.#stream.respond(fields, { waitForTrailers: true });
    this.#stream.on('wantTrailers', () => this.#stream.sendTrailers(this.#trailers));
    return this;
  }

  /** The head has gone with `writeHead`. */
  flushHeaders(): void {}

  writeContinue(): void {
    if (!isOver(this.#stream)) this.#stream.additionalHeaders({ ':status': 100 });
  }

  addTrailers(trailers: readonly (readonly [name: string, value: string])[]): void {
    for (const [name, value] of trailers) {
      const known = this.#trailers[name];
      this.#trailers[name] = known === undefined ? [value] : [...(known as string[]), value];
    }
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.#hasNoBody || isOver(this.#stream)) return done();
    this.#passedBytes += chunk.length;
    this.#stream.write(chunk, () => done());
  }

  override _final(done: Done): void {
    const stream = this.#stream;
    if (!this.#hasNoBody && !isOver(stream)) stream.end();
    endRequest(stream, this.req.complete);
    done();
  }

  /** Ended early: the client must not take what it has for the whole. */
  override _destroy(_error: Error | null, done: Done): void {
    if (!this.writableFinished && !isOver(this.#stream)) {
      this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
    done();
  }
}

export function isOver(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}

/** Tells the client of a request that is answered to send no more of it (RFC 9113 section 8.1). */
export function endRequest(stream: ServerHttp2Stream, isComplete: boolean): void {
  if (isComplete) return;
  const close = (): void => stream.close(constants.NGHTTP2_NO_ERROR);
  if (stream.writableFinished) close();
  else stream.once('finish', close);
}
