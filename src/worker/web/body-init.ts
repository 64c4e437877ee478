/** https://fetch.spec.whatwg.org/#bodyinit-safely-extract: what a body can be made of. */
import { Blob } from 'node:buffer';
import { types } from 'node:util';
import { Body } from './body.ts';
import { domString, isObject } from './convert.ts';
import { encodeFormData, isFormData } from './form-data.ts';
import { isDisturbed, webStreams } from './web-streams.ts';

export interface ExtractedBody {
  body: Body;
  /** The content type that it has when its headers name none. */
  type: string | null;
}

const TEXT_TYPE = 'text/plain;charset=UTF-8';
const QUERY_TYPE = 'application/x-www-form-urlencoded;charset=UTF-8';

const NativeURLSearchParams = URLSearchParams;

/** Of anything but undefined and null. @throws TypeError */
export function extractBody(init: unknown): ExtractedBody {
  if (typeof init === 'string') return textBody(init, TEXT_TYPE);
  if (!isObject(init)) return textBody(domString(init, 'the body'), TEXT_TYPE);
  const bytes = copiedBytes(init);
  if (bytes !== null) return { body: new Body(bytes), type: null };
  if (isAsyncIterable(init)) return { body: streamBody(init), type: null };
  if (init instanceof Blob) return blobBody(init, init.type === '' ? null : init.type);
  if (isFormData(init)) {
    const { blob, type } = encodeFormData(init);
    return blobBody(blob, type);
  }
  if (init instanceof NativeURLSearchParams) return textBody(init.toString(), QUERY_TYPE);
  return textBody(domString(init, 'the body'), TEXT_TYPE);
}

function textBody(text: string, type: string): ExtractedBody {
  return { body: new Body(text.toWellFormed()), type };
}

function blobBody(blob: Blob, type: string | null): ExtractedBody {
  const body = new Body({
    stream: () => blob.stream(),
    bytes: async () => new Uint8Array(await blob.arrayBuffer()),
  });
  return { body, type };
}

function copiedBytes(init: unknown): Uint8Array | null {
  if (types.isArrayBuffer(init)) return new Uint8Array(init.slice(0));
  if (!ArrayBuffer.isView(init) || !types.isArrayBuffer(init.buffer)) return null;
  return new Uint8Array(new Uint8Array(init.buffer, init.byteOffset, init.byteLength));
}

function isAsyncIterable(init: object): init is AsyncIterable<unknown> {
  return Boolean((init as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator]);
}

/** A stream as it is; the parts of a generator, or of a stream of Node, as the bytes of one. */
function streamBody(init: AsyncIterable<unknown>): Body {
  const { ReadableStream } = webStreams();
  const isLocked = (init as { locked?: unknown }).locked === true;
  if (isLocked || isDisturbed(init)) {
    throw new TypeError('Response body object should not be disturbed or locked');
  }
  const stream = init instanceof ReadableStream ? init : bytesOf(init);
  return Body.ofStream(stream as ReadableStream<Uint8Array>);
}

function bytesOf(parts: AsyncIterable<unknown>): ReadableStream<Uint8Array> {
  const iterator = parts[Symbol.asyncIterator]();
  return new (webStreams().ReadableStream)({
    type: 'bytes',
    async pull(controller) {
      for (;;) {
        const { done, value } = await iterator.next();
        if (done === true) {
          controller.close();
          controller.byobRequest?.respond(0);
          return;
        }
        const bytes = new Uint8Array(Buffer.from(value as Uint8Array));
        if (bytes.length === 0) continue;
        controller.enqueue(bytes);
        return;
      }
    },
    async cancel(reason) {
      await iterator.return?.(reason);
    },
  });
}
