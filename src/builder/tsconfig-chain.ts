import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parsePositionedJson, toPlainValue } from './positioned-json.ts';
import type { SourceFiles } from './source-files.ts';

export interface TsconfigChain {
  /** Itself and what it extends, those that are there; empty when it is not there. */
  files: string[];
  /** It maps imports to folders, or cannot be read and might. */
  hasPaths: boolean;
}

/** Longer chains are circles. */
const MAX_CHAIN = 32;

/** A tsconfig.json with all that it extends by relative paths; packages are known by what was installed. */
export function readTsconfigChain(source: SourceFiles, path: string): TsconfigChain {
  const chain: TsconfigChain = { files: [], hasPaths: false };
  const waiting = [path];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (source.sha256(next) === null || chain.files.includes(next)) continue;
    if (chain.files.length === MAX_CHAIN) return { ...chain, hasPaths: true };
    chain.files.push(next);
    const settings = readSettings(join(source.root, next));
    const options = settings?.compilerOptions;
    chain.hasPaths ||= settings === null || options?.paths !== undefined;
    chain.hasPaths ||= options?.baseUrl !== undefined;
    for (const base of [settings?.extends ?? []].flat()) {
      // TypeScript takes the name with and without its ending.
      if (typeof base !== 'string' || !base.startsWith('.')) continue;
      const target = join(dirname(next), base);
      waiting.push(target, `${target}.json`);
    }
  }
  return chain;
}

interface Settings {
  extends?: unknown;
  compilerOptions?: { paths?: unknown; baseUrl?: unknown };
}

function readSettings(path: string): Settings | null {
  try {
    return toPlainValue(parsePositionedJson(readFileSync(path, 'utf8'))) as Settings | null;
  } catch {
    return null; // esbuild reports what it cannot read.
  }
}
