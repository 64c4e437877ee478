import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeFrame,
  FRAME_HEADER_BYTES,
  FrameDecoder,
  FramingError,
  MAX_FRAME_BYTES,
  MAX_VIEW_BYTES,
} from '../../src/protocol/framing.ts';

interface PlainFrame {
  type: number;
  stream: number;
  payload: string;
}

const frames = fc.array(
  fc.record({
    type: fc.nat(255),
    stream: fc.nat(2 ** 32 - 1),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  }),
  { maxLength: 20 },
);

function encodeAll(list: readonly PlainFrame[]): Buffer {
  return Buffer.concat(
    list.map(({ type, stream, payload }) => encodeFrame(type, stream, Buffer.from(payload, 'hex'))),
  );
}

/** Feeds the bytes in pieces that end at the given places. */
function decode(bytes: Buffer, cuts: readonly number[], maxFrameBytes?: number) {
  const seen: PlainFrame[] = [];
  const decoder = new FrameDecoder(({ type, stream, payload }) => {
    seen.push({ type, stream, payload: payload.toString('hex') });
  }, maxFrameBytes);
  const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
  let at = 0;
  for (const place of [...places, bytes.length]) {
    decoder.push(bytes.subarray(at, place));
    at = place;
  }
  return { seen, isAtBoundary: decoder.isAtBoundary };
}

describe('FrameDecoder', () => {
  it('gives the frames that were encoded, wherever the stream is split', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 40 }), (list, cuts) => {
        expect(decode(encodeAll(list), cuts)).toEqual({ seen: list, isAtBoundary: true });
      }),
    );
  });

  it('gives the frames when bytes come one by one', () => {
    fc.assert(
      fc.property(frames, (list) => {
        const bytes = encodeAll(list);
        const everywhere = Array.from({ length: bytes.length }, (_, index) => index);
        expect(decode(bytes, everywhere).seen).toEqual(list);
      }),
      { numRuns: 20 },
    );
  });

  it('is not at a boundary within a frame', () => {
    const bytes = encodeFrame(1, 2, 'hello');
    for (let length = 1; length < bytes.length; length++) {
      expect(decode(bytes.subarray(0, length), []).isAtBoundary).toBe(false);
    }
  });

  it('refuses a frame above the limit as soon as its length is known', () => {
    const header = encodeFrame(1, 1, Buffer.alloc(100)).subarray(0, FRAME_HEADER_BYTES);
    expect(() => decode(header, [], 50)).toThrow(FramingError);
    expect(() => decode(header, [2, 5], 50)).toThrow(FramingError);
  });

  it('refuses a length that is shorter than the header', () => {
    expect(() => decode(Buffer.from([0, 0, 0, 4, 1, 0, 0, 0, 1]), [])).toThrow(FramingError);
  });

  it('either decodes or refuses garbage, and never keeps more than one frame of it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.array(fc.nat()), (garbage, cuts) => {
        try {
          const { seen } = decode(Buffer.from(garbage), cuts, 64);
          expect(seen.every(({ payload }) => payload.length / 2 <= 64)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(FramingError);
        }
      }),
    );
  });

  it('changes no payload that is kept, whatever becomes of chunks and of what is given back', () => {
    const sizes = fc.oneof(fc.nat(20), fc.integer({ min: MAX_VIEW_BYTES - 2, max: 70_000 }));
    const list = fc.array(fc.record({ size: sizes, isKept: fc.boolean() }), { maxLength: 12 });
    fc.assert(
      fc.property(list, fc.integer({ min: 1, max: 100_000 }), (wanted, chunkBytes) => {
        const bytes = Buffer.concat(
          wanted.map(({ size }, at) => encodeFrame(1, at, Buffer.alloc(size, at + 1))),
        );
        const kept: { payload: Buffer; copy: Buffer }[] = [];
        let count = 0;
        const decoder = new FrameDecoder(({ stream, payload }) => {
          count += 1;
          const size = wanted[stream]?.size ?? 0;
          expect(payload.equals(Buffer.alloc(size, stream + 1))).toBe(true);
          if (wanted[stream]?.isKept !== true) decoder.reuse(payload);
          else if (size > MAX_VIEW_BYTES) kept.push({ payload, copy: Buffer.from(payload) });
        });
        const memory = Buffer.alloc(chunkBytes);
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          const length = bytes.copy(memory, 0, at);
          decoder.push(memory.subarray(0, length));
          memory.fill(0xff);
        }
        expect(count).toBe(wanted.length);
        for (const { payload, copy } of kept) expect(payload.equals(copy)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('gathers what follows where something was given back', () => {
    const seen = new Set<ArrayBufferLike>();
    const decoder = new FrameDecoder(({ payload }) => {
      seen.add(payload.buffer);
      decoder.reuse(payload);
    });
    for (let count = 0; count < 10; count++) decoder.push(encodeFrame(1, 1, Buffer.alloc(60_000)));
    expect(seen.size).toBe(1);
  });

  it('takes bodies of megabytes', () => {
    const payload = Buffer.alloc(MAX_FRAME_BYTES - FRAME_HEADER_BYTES, 7);
    const { seen } = decode(encodeFrame(9, 1, payload), [1000, 65_536, 1_000_000]);
    expect(seen.map((frame) => frame.payload.length / 2)).toEqual([payload.length]);
  });
});
