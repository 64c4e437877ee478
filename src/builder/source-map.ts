import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { isInside } from './inside.ts';

interface SourceMap {
  sources: string[];
  sourcesContent?: (string | null)[];
}

/**
 * The map with the text of the repository's own files in it, which problems are shown with. Of packages it has
 * positions alone: their text would be most of a bundle, and nobody is shown it.
 */
export function withOwnSources(encoded: Uint8Array, root: string): Uint8Array {
  const map = JSON.parse(Buffer.from(encoded).toString()) as SourceMap;
  map.sourcesContent = map.sources.map((source) => readOwnFile(root, source));
  return Buffer.from(JSON.stringify(map));
}

/** Null for what is no file of the repository: a module of the builder's, or what a map of the pusher's names. */
function readOwnFile(root: string, source: string): string | null {
  try {
    // Source maps name their sources as URLs: `api/%5Bid%5D.ts` is the file `api/[id].ts`.
    const path = decodeURIComponent(source);
    if (path.split('/').includes('node_modules')) return null;
    const file = realpathSync(join(root, path));
    return isInside(root, file) ? readFileSync(file, 'utf8') : null;
  } catch {
    return null;
  }
}
