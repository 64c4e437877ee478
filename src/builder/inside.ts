import { sep } from 'node:path';

/** Whether an absolute, normalised path is `root` or below it. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}
