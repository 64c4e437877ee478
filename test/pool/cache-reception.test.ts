import { describe, expect, it } from 'vitest';
import { CacheReception } from '../../src/pool/cache-reception.ts';
import { BODY_CHUNK_BYTES } from '../../src/protocol/worker.ts';
import type { Clock } from '../../src/std/clock.ts';

const END = Buffer.alloc(0);
const PIECE = Buffer.alloc(BODY_CHUNK_BYTES, 7);

/** A clock that stands until the test has its only timer come due. */
function stillClock(): Clock & { due: () => void } {
  let timer = (): void => {};
  return {
    now: () => 0,
    monotonicMs: () => 0,
    after: (_delayMs, callback) => {
      timer = callback;
      return () => void (timer = () => {});
    },
    due: () => timer(),
  };
}

describe('the reception of a code cache', () => {
  it('gathers pieces until the empty one, and may begin anew', async () => {
    const reception = new CacheReception(stillClock());
    for (let times = 0; times < 2; times++) {
      const made = reception.begin(3 * BODY_CHUNK_BYTES);
      const reused = Buffer.from(PIECE);
      expect(reception.push(reused)).toBe('taken');
      reused.fill(0);
      expect(reception.push(PIECE.subarray(0, 5))).toBe('taken');
      expect(reception.push(END)).toBe('taken');
      expect(await made).toEqual(Buffer.concat([PIECE, PIECE.subarray(0, 5)]));
    }
  });

  it('tells of a worker that makes none', async () => {
    const reception = new CacheReception(stillClock());
    const made = reception.begin(1);
    reception.push(END);
    expect(await made).toBeNull();
  });

  it.each([
    ['without having been asked', 0, [PIECE]],
    ['an end without having been asked', 0, [END]],
    ['more than it may', 1.5, [PIECE, PIECE]],
    ['one piece that is too large', 2, [Buffer.concat([PIECE, PIECE])]],
    ['many small pieces', 2, [PIECE.subarray(1), PIECE.subarray(1)]],
    ['anything behind the end', 2, [PIECE, END, PIECE]],
  ])('refuses what comes %s', async (_, maxPieces, pieces) => {
    const reception = new CacheReception(stillClock());
    if (maxPieces > 0) void reception.begin(maxPieces * BODY_CHUNK_BYTES);
    expect(pieces.map((piece) => reception.push(piece)).at(-1)).toBe('unexpected');
  });

  it('gives up what takes too long, and counts what still comes of it', async () => {
    const clock = stillClock();
    const reception = new CacheReception(clock);
    const made = reception.begin(2 * BODY_CHUNK_BYTES);
    reception.push(PIECE);
    clock.due();
    expect(await made).toBeNull();
    expect(reception.isExpected).toBe(true);
    expect([PIECE, PIECE].map((piece) => reception.push(piece))).toEqual(['taken', 'unexpected']);
  });
});
