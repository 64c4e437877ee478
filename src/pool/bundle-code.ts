import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../protocol/errors.ts';
import type { BundleCode } from './ports.ts';

/** Asking again costs one system call. */
const MAX_KNOWN_BUNDLES = 10_000;
const BUNDLE_NAME = /^[0-9a-f]{64}$/;

/**
 * The code of bundles, kept in memory up to `cacheBytes`, least recently used out first. What is cached never
 * changes: a bundle's name is the hash of its content.
 */
export function createBundleCode(bundlesDir: string, cacheBytes: number): BundleCode {
  const cache = new Map<string, Uint8Array>();
  const reading = new Map<string, Promise<Uint8Array>>();
  const packages = new Map<string, Promise<boolean>>();
  let cached = 0;

  function keep(path: string, code: Uint8Array): void {
    if (code.length > cacheBytes) return;
    cache.set(path, code);
    cached += code.length;
    for (const [oldest, bytes] of cache) {
      if (cached <= cacheBytes) break;
      cache.delete(oldest);
      cached -= bytes.length;
    }
  }

  async function load(path: string): Promise<Uint8Array> {
    try {
      const code = await readFile(path);
      keep(path, code);
      return code;
    } catch (error) {
      throw new PlatformError('unavailable', 'the code of this deployment cannot be read', {
        cause: error,
      });
    } finally {
      reading.delete(path);
    }
  }

  return {
    hasPackages: (bundle) => {
      const known = packages.get(bundle);
      if (known !== undefined) return known;
      if (!BUNDLE_NAME.test(bundle)) throw new PlatformError('internal', 'not a bundle');
      if (packages.size >= MAX_KNOWN_BUNDLES) packages.clear();
      const found = access(join(bundlesDir, bundle, 'node_modules')).then(
        () => true,
        () => false,
      );
      packages.set(bundle, found);
      return found;
    },
    read: async (bundle, file) => {
      if (!BUNDLE_NAME.test(bundle) || file.split('/').includes('..')) {
        throw new PlatformError('internal', 'not a bundle file');
      }
      const path = join(bundlesDir, bundle, file);
      const hit = cache.get(path);
      if (hit !== undefined) {
        cache.delete(path);
        cache.set(path, hit);
        return hit;
      }
      const pending = reading.get(path) ?? load(path);
      reading.set(path, pending);
      return pending;
    },
  };
}
