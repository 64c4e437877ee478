import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseFailedHead,
  parseInitFailedHead,
  parseLogLine,
  parseReadyHead,
} from '../../src/pool/worker-payloads.ts';
import { encodeFrame, FrameDecoder, FramingError } from '../../src/protocol/framing.ts';
import { LineSplitter, LineTooLongError } from '../../src/protocol/line-splitter.ts';
import { decodeInvoke, invokeClientText, invokeText } from '../../src/protocol/invoke.ts';
import {
  decodeResponseHead,
  decodeSpecialise,
  encodeResponseHead,
  specialiseParts,
} from '../../src/protocol/worker.ts';
import { readFunctionHeaders } from '../../src/router/response-head.ts';
import { bytes, effort, FUZZ_TIMEOUT_MS, nearly } from './fuzz.ts';

/** What arrives at either end of a worker's socket, and on the lines between the platform's processes. */
const MAX_FRAME_BYTES = 512;

const frames = fc
  .array(fc.tuple(fc.nat(255), fc.nat(2 ** 32 - 1), bytes(120)), { maxLength: 12 })
  .map((list) => Buffer.concat(list.map((frame) => encodeFrame(...frame))));

const HEADER_LINE = /^[!#$%&'*+\-.^_`|~0-9a-z]+: [\t\x20-\x7e\x80-\xff]*$/;
const FRAMING_HEADER = /^(content-length|transfer-encoding|connection):/;

interface Decoded {
  frames: string[];
  error: string | null;
}

/** What a decoder makes of a stream that is cut at these places. */
function decode(stream: Buffer, cuts: number[]): Decoded {
  const found: string[] = [];
  const decoder = new FrameDecoder(({ type, stream: id, payload }) => {
    expect(payload.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    found.push(`${type} ${id} ${payload.toString('hex')}`);
  }, MAX_FRAME_BYTES);
  const places = cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, stream.length]) {
    try {
      decoder.push(stream.subarray(from, to));
    } catch (error) {
      expect(error).toBeInstanceOf(FramingError);
      return { frames: found, error: String(error) };
    }
    from = to;
  }
  return { frames: found, error: null };
}

describe('whatever bytes arrive', () => {
  it(
    'frames and the place where they break are the same however the stream is cut',
    () => {
      const property = fc.property(nearly(frames), fc.array(fc.nat()), (stream, cuts) => {
        expect(decode(stream, cuts)).toEqual(decode(stream, []));
      });
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'a line is at most as long as its reader takes, and lines do not depend on chunks',
    () => {
      const property = fc.property(fc.array(nearly(text())), (chunks) => {
        const splitter = new LineSplitter(64);
        const lines: string[] = [];
        try {
          for (const chunk of chunks) {
            for (let rest: Buffer | undefined = chunk; rest !== undefined;) {
              const taken: { line: string; rest: Buffer } | null = splitter.take(rest);
              if (taken !== null) lines.push(taken.line);
              rest = taken?.rest;
            }
          }
        } catch (error) {
          expect(error).toBeInstanceOf(LineTooLongError);
          return;
        }
        const whole = Buffer.concat(chunks).toString().split('\n').slice(0, -1);
        expect(lines.map(cleaned)).toEqual(whole.map(cleaned));
      });
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'the head of a response is found within its frame or not at all',
    () => {
      const heads = fc
        .tuple(fc.nat(65_535), latin1(60), bytes(50))
        .map(([status, head, body]) => Buffer.concat([encodeResponseHead(status, head), body]));
      const property = fc.property(nearly(heads), (payload) => {
        const head = decodeResponseHead(payload);
        if (head === null) return;
        expect(head.text.length + head.rest.length).toBe(payload.length - 6);
      });
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'no header of a function ends its line, and none frames the message',
    () => {
      const names = fc.oneof(
        fc.constantFrom('x-a', 'Set-Cookie', 'content-length', 'Transfer-Encoding', 'connection'),
        latin1(20),
      );
      const values = fc.oneof(latin1(20), fc.constantFrom('5', 'chunked', 'a\r'));
      const heads = fc
        .array(fc.tuple(names, values), { maxLength: 8 })
        .map((list) => list.flat().join('\n'));
      const property = fc.property(heads, (head) => {
        const read = readFunctionHeaders(head, 'app.example');
        if (read.kind === 'bad') return;
        const lines = read.lines.split('\r\n').slice(0, -1);
        expect(
          lines.filter((line) => !HEADER_LINE.test(line) || FRAMING_HEADER.test(line)),
        ).toEqual([]);
      });
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'what a worker tells of itself has the shapes of the protocol, or is refused',
    () => {
      const json = fc.json().map((value) => Buffer.from(value));
      const property = fc.property(nearly(json), (payload) => {
        for (const parse of [parseFailedHead, parseInitFailedHead, parseReadyHead]) {
          const head = attempt(() => parse(payload));
          for (const value of Object.values(head ?? {})) {
            expect(['string', 'number']).toContain(typeof value);
          }
        }
        const line = attempt(() => parseLogLine(payload, 'id'));
        if (line === null) return;
        expect(line.requestId).toBe('id');
        expect(['debug', 'info', 'warn', 'error']).toContain(line.level);
        expect(line.dropped).toBeGreaterThanOrEqual(0);
        expect(Number.isSafeInteger(line.dropped)).toBe(true);
      });
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe('what the platform sends to a worker', () => {
  it(
    'is an invocation as it was sent, whatever its fields hold',
    () => {
      const field = latin1(20).map((value) => value.replace(/[^\t\x20-\xff]/g, ''));
      const property = fc.property(
        fc.tuple(field, field, field, field, field),
        fc.array(fc.tuple(field, field), { minLength: 1 }),
        fc.boolean(),
        ([requestId, method, target, scheme, peer], headers, hasBody) => {
          const lines = headers.map(([name, value]) => `\n${name}\n${value}`).join('');
          const sent = invokeText(
            { requestId, method, target },
            invokeClientText({ scheme, peer }, lines),
          );
          const payload = Buffer.concat([
            Buffer.from([hasBody ? 1 : 0]),
            Buffer.from(sent, 'latin1'),
          ]);
          const got = decodeInvoke(payload);
          const expected = { requestId, method, target, scheme, peer, hasBody };
          expect(got).toEqual({ ...expected, sharedHeaders: headers.flat() });
          expect(got.headers).toEqual([...headers.flat(), 'x-request-id', requestId]);
        },
      );
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'is a specialisation as it was sent, or an error and never a part of it',
    () => {
      const caches = fc.option(bytes().filter(({ length }) => length > 0));
      const property = fc.property(
        fc.string(),
        bytes(),
        caches,
        fc.nat(),
        (name, code, cache, cut) => {
          const head = { functionName: name } as Parameters<typeof specialiseParts>[0];
          const payload = Buffer.concat(specialiseParts(head, code, cache));
          const cacheBytes = cache?.length;
          const sent = { ...head, ...(cacheBytes !== undefined && { cacheBytes }) };
          expect(decodeSpecialise(payload)).toEqual({ head: sent, code, cache });
          const headBytes = payload.length - code.length;
          const part = payload.subarray(0, cut % headBytes);
          expect(() => decodeSpecialise(part)).toThrow(/JSON|outside/);
        },
      );
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );
});

function text(): fc.Arbitrary<Buffer> {
  return fc
    .array(fc.oneof(fc.string({ maxLength: 30 }), fc.constant('\n')))
    .map((parts) => Buffer.from(parts.join('')));
}

function latin1(maxLength: number): fc.Arbitrary<string> {
  return bytes(maxLength).map((values) => values.toString('latin1'));
}

/** A character that is cut in two is read in different ways by piece and by whole. */
function cleaned(line: string): string {
  return line.replaceAll(/\ufffd+/g, '\ufffd');
}

function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}
