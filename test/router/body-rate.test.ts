import { describe, expect, it } from 'vitest';
import { isTooSlow } from '../../src/router/body-rate.ts';

describe('minimum body rate', () => {
  it.each([
    ['less than 1 KiB/s over 30 s', { bytes: 30_000, elapsedMs: 30_000, wasPaused: false }, true],
    ['1 KiB/s over 30 s', { bytes: 30_720, elapsedMs: 30_000, wasPaused: false }, false],
    ['nothing yet', { bytes: 0, elapsedMs: 29_999, wasPaused: false }, false],
    ['a reader that stopped reading', { bytes: 0, elapsedMs: 60_000, wasPaused: true }, false],
  ])('%s', (_what, window, expected) => {
    expect(isTooSlow(window)).toBe(expected);
  });
});
