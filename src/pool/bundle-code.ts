import { accessSync, closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../protocol/errors.ts';
import { LoadingCache } from '../std/loading-cache.ts';
import type { BundleCode } from './ports.ts';

/** Of so many it is remembered whether they have packages: asking again costs one system call. */
const MAX_KNOWN_BUNDLES = 10_000;
/** One read ahead of the kernel. */
const MAX_AT_ONCE_BYTES = 128 * 1024;
const BUNDLE_NAME = /^[0-9a-f]{64}$/;

/**
 * The code of bundles, kept in memory up to `cacheBytes`, least recently used out first. What is cached never
 * changes: a bundle's name is the hash of its content.
 */
export function createBundleCode(bundlesDir: string, cacheBytes: number): BundleCode {
  const code = new LoadingCache<Uint8Array>(cacheBytes, ({ length }) => length);
  const packages = new LoadingCache<boolean>(MAX_KNOWN_BUNDLES, () => 1);
  return {
    hasPackages: async (bundle) => {
      if (!BUNDLE_NAME.test(bundle)) throw new PlatformError('internal', 'not a bundle');
      return packages.load(bundle, async () => exists(join(bundlesDir, bundle, 'node_modules')));
    },
    read: async (bundle, file, sha256) => {
      if (!BUNDLE_NAME.test(bundle) || file.split('/').includes('..')) {
        throw new PlatformError('internal', 'not a bundle file');
      }
      const path = join(bundlesDir, bundle, file);
      return code.load(path, async () => whole(await readCode(path), sha256));
    },
  };
}

/**
 * A small file is read at once: a cold start waits for it, and the thread pool takes several times as long as the
 * kernel, which mostly has it in memory. A large one, from a disk perhaps, would hold up other requests.
 */
async function readCode(path: string): Promise<Uint8Array> {
  let size: number;
  try {
    const file = openSync(path, 'r');
    try {
      ({ size } = fstatSync(file));
      if (size <= MAX_AT_ONCE_BYTES) return readFileSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return unreadable(error);
  }
  return readFile(path).catch(unreadable);
}

/** A file that a power loss cut short, or a disk has spoilt, must not run: half a function is another function. */
function whole(content: Uint8Array, sha256: string | undefined): Uint8Array {
  if (sha256 === undefined || hash('sha256', content) === sha256) return content;
  throw new PlatformError('unavailable', 'the code of this deployment is spoilt on the disk', {
    hint: 'fn doctor --deep says what mends it',
  });
}

/** Trouble of another kind, such as too many open files, says nothing about the bundle. */
function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    return unreadable(error);
  }
}

function unreadable(cause: unknown): never {
  throw new PlatformError('unavailable', 'the code of this deployment cannot be read', { cause });
}
