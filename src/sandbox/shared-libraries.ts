import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const LOADERS: Partial<Record<NodeJS.Architecture, string>> = {
  x64: '/lib64/ld-linux-x86-64.so.2',
  arm64: '/lib/ld-linux-aarch64.so.1',
};

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
  return libraries;
}
