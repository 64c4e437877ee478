import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const LOADERS: Partial<Record<NodeJS.Architecture, string>> = {
  x64: '/lib64/ld-linux-x86-64.so.2',
  arm64: '/lib/ld-linux-aarch64.so.1',
};

/** The C library's other files: native addons of packages name them, and cannot bring them along. */
const LIBC_PARTS = [
  'libanl.so.1',
  'libdl.so.2',
  'libm.so.6',
  // Before 2.34 what looks host names up was no part of the library itself.
  'libnss_dns.so.2',
  'libnss_files.so.2',
  'libpthread.so.0',
  'libresolv.so.2',
  'librt.so.1',
  'libutil.so.1',
];

/**
 * The files that a dynamically linked program of ours needs, as the system's own loader resolves them: name under
 * which the program looks for it → the same path. With only these, a sandbox holds no shell and no other program.
 */
export async function findSharedLibraries(program: string): Promise<Record<string, string>> {
  const loader = LOADERS[process.arch];
  if (loader === undefined) throw new Error(`no loader is known for ${process.arch}`);
  const { stdout } = await promisify(execFile)(loader, ['--list', program], { env: {} });
  const libraries: Record<string, string> = { [loader]: loader };
  for (const [, path] of stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)) {
    if (path !== undefined) libraries[path] = path;
  }
  const libc = Object.keys(libraries).find((path) => path.endsWith('/libc.so.6'));
  for (const name of LIBC_PARTS) {
    if (libc === undefined) break;
    const path = join(dirname(libc), name);
    if (existsSync(path)) libraries[path] = path;
  }
  return libraries;
}
