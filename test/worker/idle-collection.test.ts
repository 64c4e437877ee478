import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createIdleCollection } from '../../src/worker/idle-collection.ts';

const MIB = 1024 * 1024;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function heapOf(mebibytes: number) {
  const heap = {
    mebibytes,
    collections: 0,
    totalBytes: () => heap.mebibytes * MIB,
    collect: () => {
      heap.collections += 1;
      heap.mebibytes = 8;
    },
  };
  return heap;
}

it('collects once, when no request has ended for a while', () => {
  const heap = heapOf(6);
  const ended = createIdleCollection(heap);
  heap.mebibytes = 20;
  for (let second = 0; second < 20; second += 1) {
    ended();
    vi.advanceTimersByTime(1_000);
  }
  expect(heap.collections).toBe(0);
  vi.advanceTimersByTime(60_000);
  expect(heap.collections).toBe(1);
});

it('does not collect what is hardly anything', () => {
  const heap = heapOf(6);
  const ended = createIdleCollection(heap);
  heap.mebibytes = 7;
  ended();
  vi.advanceTimersByTime(60_000);
  expect(heap.collections).toBe(0);
});
