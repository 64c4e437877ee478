import { isDisturbed, webStreams } from './web-streams.ts';

/** Bytes that are there later, or in parts: one of the two is called, once. */
export interface BodySource {
  stream(): ReadableStream<Uint8Array>;
  /** Nobody changes them any more. */
  bytes(): Promise<Uint8Array>;
}

/** Made by Node, and not by a standard yet. */
type Tee = (
  stream: ReadableStream,
  cloneForBranch2: boolean,
) => [ReadableStream<Uint8Array>, ReadableStream<Uint8Array>];

const UNUSABLE = 'Body is unusable: Body has already been read';
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * https://fetch.spec.whatwg.org/#concept-body. A stream is made of it only when somebody asks for one; until then its
 * text or bytes are taken as they are.
 */
export class Body {
  /** Text is well-formed; bytes belong to this body, and to its clones. */
  readonly #source: string | Uint8Array | BodySource;
  /** It can be read once only, and nobody knows its length. */
  readonly isStream: boolean;
  #stream: ReadableStream<Uint8Array> | null = null;
  #isTaken = false;
  #isCloned = false;

  constructor(source: string | Uint8Array | BodySource, kind: 'known' | 'stream' = 'known') {
    this.#source = source;
    this.isStream = kind === 'stream';
  }

  static ofStream(stream: ReadableStream<Uint8Array>): Body {
    const body = new Body({ stream: () => stream, bytes: () => readWhole(stream) }, 'stream');
    body.#stream = stream;
    return body;
  }

  get isUsed(): boolean {
    return this.#stream === null ? this.#isTaken : isDisturbed(this.#stream);
  }

  get isUnusable(): boolean {
    return this.#stream === null ? this.#isTaken : this.#stream.locked || isDisturbed(this.#stream);
  }

  /** The same one each time. */
  stream(): ReadableStream<Uint8Array> {
    if (this.#stream === null) {
      this.#stream = this.#isTaken ? takenStream() : streamOf(this.#source);
    }
    return this.#stream;
  }

  /** Text or bytes that need no waiting, which are then used; null when there is a stream. @throws TypeError */
  takeWhole(): string | Uint8Array | null {
    this.#refuseUnusable();
    const source = this.#source;
    if (this.#stream !== null || (typeof source !== 'string' && !(source instanceof Uint8Array))) {
      return null;
    }
    this.#isTaken = true;
    return source;
  }

  /** All bytes, for the caller alone. Rejects with a TypeError when they were read before. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const whole = this.takeWhole();
    if (typeof whole === 'string') return encoder.encode(whole);
    if (whole !== null && this.#isCloned) return whole.slice();
    return ownMemory(whole ?? (await this.#readSource()));
  }

  async text(): Promise<string> {
    const whole = this.takeWhole();
    if (typeof whole === 'string') return whole.startsWith('\uFEFF') ? whole.slice(1) : whole;
    return decoder.decode(whole ?? (await this.#readSource()));
  }

  /** For somebody else who is to have all of it; this one is used then. */
  handOver(): Body {
    this.#refuseUnusable();
    if (this.#stream !== null) {
      const identity = new (webStreams().TransformStream)<Uint8Array, Uint8Array>();
      return Body.ofStream(this.#stream.pipeThrough(identity));
    }
    this.#isTaken = true;
    const body = new Body(this.#source, this.isStream ? 'stream' : 'known');
    body.#isCloned = this.#isCloned;
    return body;
  }

  /** In a form that Node's fetch takes without naming a type of its own; this body is used then. @throws TypeError */
  takeForFetch(): Uint8Array | ReadableStream<Uint8Array> {
    const whole = this.takeWhole();
    if (whole !== null) return typeof whole === 'string' ? encoder.encode(whole) : whole;
    return this.stream();
  }

  /** A second body of the same content. The caller has seen that this one is usable. */
  clone(): Body {
    const source = this.#source;
    if (this.#stream === null && (typeof source === 'string' || source instanceof Uint8Array)) {
      this.#isCloned = true;
      const body = new Body(source);
      body.#isCloned = true;
      return body;
    }
    const [mine, other] = tee(this.stream());
    this.#stream = mine;
    return Body.ofStream(other);
  }

  async #readSource(): Promise<Uint8Array> {
    if (this.#stream !== null) return readWhole(this.#stream);
    this.#isTaken = true;
    return (this.#source as BodySource).bytes();
  }

  #refuseUnusable(): void {
    if (this.isUnusable) throw new TypeError(UNUSABLE);
  }
}

async function readWhole(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (!(next.value instanceof Uint8Array)) throw new TypeError('Received non-Uint8Array chunk');
    chunks.push(next.value);
  }
  return Buffer.concat(chunks);
}

/** Memory that holds these bytes alone, which is what `arrayBuffer` gives away. */
function ownMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const isAlone = bytes.constructor === Uint8Array && bytes.length === bytes.buffer.byteLength;
  return isAlone ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

function streamOf(source: string | Uint8Array | BodySource): ReadableStream<Uint8Array> {
  if (typeof source !== 'string' && !(source instanceof Uint8Array)) return source.stream();
  return new (webStreams().ReadableStream)({
    type: 'bytes',
    start(controller) {
      // A copy: whoever reads it may change it, and the stream takes its memory away.
      const bytes = typeof source === 'string' ? encoder.encode(source) : source.slice();
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

/** What is left of a body that was read without one: locked, and disturbed. */
function takenStream(): ReadableStream<Uint8Array> {
  const stream = streamOf('');
  void stream.getReader().read();
  return stream;
}

function tee(
  stream: ReadableStream<Uint8Array>,
): [ReadableStream<Uint8Array>, ReadableStream<Uint8Array>] {
  const { ReadableStreamTee } = webStreams() as { ReadableStreamTee?: Tee };
  return ReadableStreamTee?.(stream, true) ?? stream.tee();
}
