/** https://fetch.spec.whatwg.org/#body-mixin, for Request and Response. */
import { Blob } from 'node:buffer';
import type { Body } from './body.ts';
import type { HeaderList } from './header-list.ts';
import { extractMimeType } from './mime-type.ts';
import { nativeResponse } from './native-fetch.ts';
import { webStreams } from './web-streams.ts';

/** The parts of a message that these methods need. */
export interface Message {
  readonly body: Body | null;
  readonly headers: HeaderList;
}

/** Gives the methods to a class. `messageOf` throws a TypeError for what is no object of it. */
export function addBodyMethods(prototype: object, messageOf: (self: unknown) => Message): void {
  const methods = {
    async blob() {
      const { body, headers } = messageOf(this);
      const bytes = await bytesOf(body);
      return new Blob([bytes], { type: extractMimeType(headers.get('content-type')) });
    },
    async arrayBuffer() {
      return (await bytesOf(messageOf(this).body)).buffer;
    },
    async text() {
      return textOf(messageOf(this).body);
    },
    async json(): Promise<unknown> {
      return JSON.parse(await textOf(messageOf(this).body));
    },
    async formData() {
      const { body, headers } = messageOf(this);
      return parseForm(await bytesOf(body), headers.get('content-type'));
    },
    async bytes() {
      return bytesOf(messageOf(this).body);
    },
    textStream() {
      const { body } = messageOf(this);
      if (body?.isUnusable === true) {
        throw new TypeError('Body is unusable: Body has already been read');
      }
      const { ReadableStream, TextDecoderStream } = webStreams();
      if (body !== null) {
        const stream = body.stream() as ReadableStream<NodeJS.BufferSource>;
        return stream.pipeThrough(new TextDecoderStream());
      }
      return new ReadableStream({ start: (controller) => controller.close() });
    },
  };
  Object.assign(prototype, methods);
}

function bytesOf(body: Body | null): Promise<Uint8Array<ArrayBuffer>> {
  return body === null ? Promise.resolve(new Uint8Array()) : body.bytes();
}

function textOf(body: Body | null): Promise<string> {
  return body === null ? Promise.resolve('') : body.text();
}

/** By Node's own parser, and into its own FormData: few functions need either. */
async function parseForm(bytes: Uint8Array<ArrayBuffer>, type: string | null): Promise<unknown> {
  const NativeResponse = await nativeResponse();
  const headers = type === null ? [] : [['content-type', type] as [string, string]];
  return new NativeResponse(bytes, { headers }).formData();
}
