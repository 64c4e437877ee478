import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { extname, join } from 'node:path';
import type { Node, parse } from 'acorn';
import { type Loader, transform } from 'esbuild';
import { type EnvironmentRead, MAX_ENVIRONMENT_READS } from '../protocol/builder.ts';
import { findReads, type FoundRead } from './find-reads.ts';

/** Larger files are generated, and reading one would take longer than the build. */
const MAX_SCANNED_BYTES = 2 * 1024 * 1024;
/** What a variable can be called; control refuses others. */
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const LOADERS: Record<string, Loader> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.jsx': 'jsx',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
};

/**
 * The environment variables that the pusher's own files read, each once, where it is first read without a default or
 * else first at all. The files are parsed: what stands in comments and texts is no read.
 */
export async function environmentReads(
  root: string,
  files: readonly string[],
): Promise<EnvironmentRead[]> {
  const byName = new Map<string, EnvironmentRead>();
  for (const file of files.filter(isOwn)) {
    for (const { name, line, hasDefault } of await readsOfFile(root, file)) {
      const known = byName.get(name);
      const isWorse = known?.hasDefault === true && !hasDefault;
      if (known === undefined || isWorse) byName.set(name, { name, file, line, hasDefault });
    }
  }
  return [...byName.values()].slice(0, MAX_ENVIRONMENT_READS);
}

function isOwn(file: string): boolean {
  return LOADERS[extname(file)] !== undefined && !file.split('/').includes('node_modules');
}

async function readsOfFile(root: string, file: string): Promise<FoundRead[]> {
  const source = readFileSync(join(root, file));
  // Nothing that is looked for can be written without these letters.
  if (source.length > MAX_SCANNED_BYTES || !source.includes('env')) return [];
  const reads = await parsedReads(source.toString(), LOADERS[extname(file)] ?? 'js');
  const guarded = new Set(reads.filter(({ hasDefault }) => hasDefault).map(({ name }) => name));
  return (
    reads
      .filter(({ name }) => VARIABLE_NAME.test(name))
      // A file that asks whether a variable is there does without it elsewhere too.
      .map((read) => ({ ...read, hasDefault: guarded.has(read.name) }))
  );
}

async function parsedReads(source: string, loader: Loader): Promise<FoundRead[]> {
  // Most functions read none: a builder that waits for its build holds no parser.
  const { parse } = await import('acorn');
  const plain = loader === 'js' ? tryParse(parse, source) : null;
  if (plain !== null) return findReads(plain);
  try {
    const { code, map } = await transform(source, {
      loader,
      sourcemap: 'external',
      target: 'esnext',
    });
    const program = tryParse(parse, code);
    if (program === null) return [];
    const origins = new SourceMap(JSON.parse(map) as SourceMapPayload);
    return findReads(program).map((read) => ({ ...read, line: originalLine(origins, read) }));
  } catch {
    return []; // Code that bundling has taken and this has not: then nothing is known of it.
  }
}

function tryParse(parseAs: typeof parse, source: string): Node | null {
  for (const sourceType of ['module', 'script'] as const) {
    try {
      return parseAs(source, {
        ecmaVersion: 'latest',
        sourceType,
        locations: true,
        allowHashBang: true,
        allowReturnOutsideFunction: true,
        allowAwaitOutsideFunction: true,
      });
    } catch {
      // The other kind of source may have it.
    }
  }
  return null;
}

function originalLine(origins: SourceMap, { line, column }: FoundRead): number {
  const entry = origins.findEntry(line - 1, column);
  return 'originalLine' in entry ? entry.originalLine + 1 : line;
}
