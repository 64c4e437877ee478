import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Every file below a folder with its size, and every folder; sockets are left out. For comparing before and after. */
export async function listFolder(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) found.push(`${path}/`);
    else if (entry.isFile()) found.push(`${path} ${(await stat(path)).size}`);
  }
  return found.sort();
}
