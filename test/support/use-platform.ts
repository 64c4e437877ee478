import { afterAll, beforeAll } from 'vitest';
import { startPlatform, type Platform } from './platform.ts';

/** One platform for all tests of a file; the returned function gives it once the tests run. */
export function usePlatform(options: Parameters<typeof startPlatform>[0] = {}): () => Platform {
  let platform: Platform | null = null;
  beforeAll(async () => {
    platform = await startPlatform(options);
  });
  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]();
  });
  return () => {
    if (platform === null) throw new Error('the platform starts before the first test, not before');
    return platform;
  };
}
