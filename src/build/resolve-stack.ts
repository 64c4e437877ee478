import { SourceMap, type SourceMapPayload } from 'node:module';
import { codeFrame } from '../protocol/code-frame.ts';
import { printableLine } from '../std/printable.ts';

/** One call in the tenant's own source. */
export interface ResolvedCall {
  /** Null at the top level of a module. */
  name: string | null;
  file: string;
  /** From 1, as is the column. */
  line: number;
  column: number;
}

interface ResolvedStack {
  /** `TypeError: x is not a function`: the stack's first line. */
  title: string;
  /** Innermost first; calls of Node and of the platform are left out. */
  calls: ResolvedCall[];
  /** The source around the innermost call; empty when there is none. */
  frame: string[];
}

/** Larger maps are not opened: parsing one would hold up the process for seconds. */
const MAX_RESOLVED_MAP_BYTES = 8 * 1024 * 1024;
const MAX_STACK_CHARACTERS = 64 * 1024;
const MAX_CALLS = 10;
const MAX_TITLE_CHARACTERS = 500;
const MAX_NAME_CHARACTERS = 100;
const MAX_FRAME_CHARACTERS = 200;
/** `at name (place:1:2)`, `at async name (place:1:2)` or `at place:1:2`. */
const CALL = /^ *at (?:(?:async )?(.+?) \()?(?:async )?([^()]+):(\d+):(\d+)\)?$/;

/** A stack of the bundle's `file`, in positions of the source that it was built from. */
export function resolveStack(stack: string, sourceMapJson: string, file: string): ResolvedStack {
  const lines = stack.slice(0, MAX_STACK_CHARACTERS).split('\n');
  const title = printableLine(lines[0] ?? '', MAX_TITLE_CHARACTERS);
  const map = parseSourceMap(sourceMapJson);
  if (map === null) return { title, calls: [], frame: [] };
  const calls: ResolvedCall[] = [];
  for (const line of lines) {
    const call = resolveCall(line, map, file);
    if (call !== null) calls.push(call);
    if (calls.length === MAX_CALLS) break;
  }
  return { title, calls, frame: frameOf(calls[0], map.payload) };
}

/**
 * The same stack, with the calls of the bundle's `file` in positions of its source, and without those of Node and of
 * the platform. Lines that are no calls stay: an error's message may have several.
 */
export function rewriteStack(stack: string, sourceMapJson: string, file: string): string {
  const map = parseSourceMap(sourceMapJson);
  if (map === null) return stack;
  const lines: string[] = [];
  for (const line of stack.slice(0, MAX_STACK_CHARACTERS).split('\n')) {
    const call = resolveCall(line, map, file);
    if (call !== null) lines.push(`    at ${describeCall(call)}`);
    else if (!isForeignCall(line)) lines.push(line);
  }
  return lines.join('\n');
}

function describeCall({ name, file, line, column }: ResolvedCall): string {
  const place = `${file}:${line}:${column}`;
  return name === null ? place : `${name} (${place})`;
}

/** Not of the bundle, and not of a package that stands beside it. */
function isForeignCall(line: string): boolean {
  const place = CALL.exec(line)?.[2];
  return place !== undefined && (place.startsWith('node:') || !place.includes('/node_modules/'));
}

/** Null for a text that is no source map: then there is nothing to resolve with. */
function parseSourceMap(json: string): SourceMap | null {
  if (json.length > MAX_RESOLVED_MAP_BYTES) return null;
  try {
    return new SourceMap(JSON.parse(json) as SourceMapPayload);
  } catch {
    return null;
  }
}

function resolveCall(line: string, map: SourceMap, file: string): ResolvedCall | null {
  const [, name, place, lineText, columnText] = CALL.exec(line) ?? [];
  if (place === undefined || !(place === file || place.endsWith(`/${file}`))) return null;
  // The map counts from 0, stacks from 1.
  const entry = map.findEntry(Number(lineText) - 1, Number(columnText) - 1);
  if (!('originalSource' in entry)) return null;
  const source = entry.originalSource;
  // Modules that the builder made have a scheme: `builtin:node:fs`.
  if (source === undefined || source.includes(':')) return null;
  return {
    name: name === undefined || isWrapper(name) ? null : printableLine(name, MAX_NAME_CHARACTERS),
    file: printableLine(decodedSource(source), MAX_NAME_CHARACTERS),
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
  };
}

/** Source maps name their sources as URLs: `api/%5Bid%5D.ts` is the file `api/[id].ts`. */
function decodedSource(source: string): string {
  try {
    return decodeURIComponent(source);
  } catch {
    return source; // A file whose name holds a lone percent sign.
  }
}

/** Names of the functions that the bundler puts around a module's top level. */
function isWrapper(name: string): boolean {
  return name === 'evaluate' || name.startsWith('__require') || name.startsWith('__init');
}

function frameOf(call: ResolvedCall | undefined, payload: SourceMapPayload): string[] {
  if (call === undefined) return [];
  for (const map of mapsOf(payload)) {
    const source = map.sourcesContent?.[map.sources.map(decodedSource).indexOf(call.file)];
    if (typeof source !== 'string') continue;
    return codeFrame(source, call).map((line) => printableLine(line, MAX_FRAME_CHARACTERS));
  }
  return []; // Of a package.
}

interface PlainMap {
  sources: string[];
  /** Null for a package's file. */
  sourcesContent?: (string | null)[];
}

/** The map itself, or those that an index map consists of (ECMA-426, section 10). */
function mapsOf(payload: PlainMap & { sections?: { map: PlainMap }[] }): PlainMap[] {
  return payload.sections?.map(({ map }) => map) ?? [payload];
}
