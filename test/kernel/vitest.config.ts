import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;

export default defineConfig({
  cacheDir: '/run/vitest',
  test: {
    root: join(import.meta.dirname, '../..'),
    include: ['test/kernel/*.test.ts', 'test/sandbox/*.test.ts'],
    maxWorkers: 1,
    // A kernel that is a process takes ten times as long for whatever touches memory.
    testTimeout: 5 * MINUTE_MS,
    hookTimeout: 5 * MINUTE_MS,
  },
});
