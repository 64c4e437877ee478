import { describe, expect, it } from 'vitest';
import { LoadingCache } from '../../src/std/loading-cache.ts';

const length = (text: string): number => text.length;

describe('a loading cache', () => {
  it('reads once for all who ask at the same time, and not again', async () => {
    const cache = new LoadingCache(10, length);
    const reading = Promise.withResolvers<string>();
    let reads = 0;
    const read = (): Promise<string> => {
      reads++;
      return reading.promise;
    };
    const asked = [cache.load('a', read), cache.load('a', read)];
    expect(cache.kept('a')).toBeUndefined();
    reading.resolve('one');
    expect(await Promise.all(asked)).toEqual(['one', 'one']);
    expect(await cache.load('a', read)).toBe('one');
    expect([reads, cache.kept('a')]).toEqual([1, 'one']);
  });

  it('forgets a reading that failed, also one that threw at once', async () => {
    const cache = new LoadingCache(10, length);
    const refuse = async (): Promise<string> => {
      throw new Error('not now');
    };
    await expect(cache.load('a', refuse)).rejects.toThrow('not now');
    expect(await cache.load('a', async () => 'one')).toBe('one');
  });

  it('lets go what was asked for least recently when it becomes too heavy', async () => {
    const cache = new LoadingCache(6, length);
    for (const key of ['one', 'two']) await cache.load(key, async () => key);
    cache.kept('one');
    await cache.load('six', async () => 'six');
    expect(['one', 'two', 'six'].map((key) => cache.kept(key))).toEqual(['one', undefined, 'six']);
  });

  it('gives what is heavier than all without keeping it', async () => {
    const cache = new LoadingCache(6, length);
    await cache.load('one', async () => 'one');
    expect(await cache.load('large', async () => 'much too large')).toBe('much too large');
    expect([cache.kept('large'), cache.kept('one')]).toEqual([undefined, 'one']);
  });
});
