import { chmodSync, readdirSync, rmSync } from 'node:fs';

/** Also where folders in it are closed to their own owner, as caches of packages often are. */
export function removeTreeSync(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    openFolders(path);
    rmSync(path, { recursive: true, force: true });
  }
}

function openFolders(path: string): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) openFolders(`${path}/${entry.name}`);
  }
}
