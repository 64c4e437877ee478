import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { keepTail } from '../../src/std/output-tail.ts';

const CHUNK = Buffer.alloc(64 * 1024, 'x');
const BYTES_PER_SECOND = 256 * 1024;

/** A writer that never runs dry; `taken()` is how much it could write. */
function endless() {
  let bytes = 0;
  const stream = new Readable({
    read() {
      bytes += CHUNK.length;
      setImmediate(() => this.push(CHUNK));
    },
  });
  return { stream, taken: () => bytes };
}

async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await turn();
}

describe('the tail of an output', () => {
  it('is read no faster than so many bytes in a second, however much there is', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const { stream, taken } = endless();
    onTestFinished(() => void stream.destroy());
    const tail = keepTail(stream, 10);
    for (let seconds = 1; seconds <= 3; seconds += 1) {
      await turns(100);
      // What the stream itself holds comes on top.
      expect(taken()).toBeGreaterThanOrEqual(seconds * BYTES_PER_SECOND);
      expect(taken()).toBeLessThanOrEqual(seconds * BYTES_PER_SECOND + 2 * CHUNK.length);
      vi.advanceTimersByTime(1_000);
    }
    expect(tail.text()).toBe('x'.repeat(10));
  });

  it('is read to its end when the writer has gone', async () => {
    const chunks = Array.from({ length: 50 }, () => CHUNK);
    const stream = Readable.from([...chunks, Buffer.from('the end')]);
    const tail = keepTail(stream, 7);
    tail.finish();
    await turns(200);
    expect(tail.text()).toBe('the end');
  });
});
