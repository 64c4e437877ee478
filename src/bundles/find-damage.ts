import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachBounded } from '../std/for-each-bounded.ts';
import { type BundleManifest, MANIFEST_NAME, type ManifestFile, sha256 } from './manifest.ts';

/** Files are read whole, so few at a time. */
const READS_AT_ONCE = 4;

/** What of the bundle in the folder is not as its name says, in words that follow it; null for nothing. */
export async function findDamage(folder: string, hash: string): Promise<string | null> {
  const manifest = await readOrNull(join(folder, MANIFEST_NAME));
  if (manifest === null) return `has no ${MANIFEST_NAME}`;
  if (sha256(manifest) !== hash)
    return `has a ${MANIFEST_NAME} that is not the one it was named by`;
  const { files } = JSON.parse(manifest.toString()) as BundleManifest;
  const faults: string[] = [];
  await forEachBounded(files, READS_AT_ONCE, async (file) => {
    const fault = await faultOf(folder, file);
    if (fault !== null) faults.push(fault);
  });
  const [first] = faults.sort();
  if (first === undefined) return null;
  return faults.length === 1
    ? first
    : `${first}, and ${faults.length - 1} more files are not sound`;
}

async function faultOf(
  folder: string,
  { path, bytes, sha256: expected }: ManifestFile,
): Promise<string | null> {
  const content = await readOrNull(join(folder, path));
  if (content === null) return `lacks its file ${path}`;
  if (content.length !== bytes) {
    return `has ${content.length} of the ${bytes} bytes of its file ${path}`;
  }
  return sha256(content) === expected ? null : `has other bytes in its file ${path}`;
}

async function readOrNull(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return null;
    throw error;
  }
}
