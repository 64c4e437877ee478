import { join, normalize } from 'node:path';
import type { FnManifest } from '../model/manifest.ts';
import type { FunctionSettings } from '../model/manifest-function.ts';
import {
  type BuildProblem,
  type BuiltFunction,
  type FunctionLimits,
  MAX_FUNCTIONS,
} from '../protocol/builder.ts';
import { parsePathPattern } from '../protocol/path-pattern.ts';
import { type DiscoveredFunction, discoverFunctions, pathOfFile } from './discover-functions.ts';
import { findEntry, findRootEntry } from './find-entry.ts';
import type { Manifest } from './manifest.ts';
import { nearestName } from './nearest-name.ts';
import { pathConflicts } from './path-conflicts.ts';

/** A function that shall be built: what BuiltFunction says of it, but for its code. */
export interface FunctionPlan extends Omit<BuiltFunction, 'file' | 'handler'> {
  /** The export that shall be the handler; null for all as they are. */
  handler: string | null;
}

export interface PlanRequest {
  /** Absolute path of the folder that is built. */
  folder: string;
  /** The same below the repository's root; '' for the root itself. Plans name their entries from there. */
  prefix: string;
  manifest: Manifest;
  defaults: FunctionLimits;
  /** Public files alone make a site: no function is needed then. */
  hasPublicFiles: boolean;
}

export type Planning =
  | { kind: 'planned'; functions: FunctionPlan[] }
  | { kind: 'failed'; problems: BuildProblem[] };

export const ROOT_FUNCTION = 'main';

/** A function and where fn.json speaks of it. */
interface Candidate {
  name: string;
  entry: string;
  path: string | null;
  settings: FunctionSettings;
  at: readonly string[];
}

/** Decides which functions there are, with their settings: those that fn.json names, or those found by their place. */
export function planFunctions(request: PlanRequest): Planning {
  const problems: BuildProblem[] = [];
  const candidates = [...namedFunctions(request, problems), ...rootFunction(request, problems)];
  const isAlone = candidates.length === 1 && candidates[0]?.at.length === 0;
  const functions = candidates.map((candidate) => plan(candidate, isAlone, request, problems));
  if (functions.length > MAX_FUNCTIONS) {
    const message = `the repository has ${functions.length} functions, and the limit is ${MAX_FUNCTIONS}`;
    const hint = 'split it into several apps, or let one function answer several paths';
    return { kind: 'failed', problems: [{ message, at: null, frame: [], hint }] };
  }
  if (problems.length === 0) problems.push(...pathConflicts(functions));
  return problems.length > 0 ? { kind: 'failed', problems } : { kind: 'planned', functions };
}

/** The functions with a name of their own: all that fn.json gives an entry, or all that lie in functions/ and api/. */
function namedFunctions(request: PlanRequest, problems: BuildProblem[]): Candidate[] {
  const settings = Object.entries(request.manifest.values.functions ?? {});
  const isListed = settings.some(([, { entry }]) => entry !== undefined);
  const found = isListed ? [] : discovered(request);
  const candidates = found.map((one) => discoveredCandidate(request.manifest.values, one));
  for (const [name, own] of settings) {
    if (candidates.some((candidate) => candidate.name === name)) continue;
    const listed = listedCandidate(request, name, own, problems, found);
    if (listed !== null) candidates.push(listed);
  }
  return candidates;
}

/** The file that fn.json names as the entry of the whole is no function of its own besides. */
function discovered({ folder, manifest: { values } }: PlanRequest): DiscoveredFunction[] {
  const entry = values.entry === undefined ? null : normalize(values.entry);
  return discoverFunctions(folder).filter(({ file }) => file !== entry);
}

function discoveredCandidate(
  values: FnManifest,
  { name, file, path }: DiscoveredFunction,
): Candidate {
  const settings = values.functions?.[name] ?? {};
  return { name, entry: file, path, settings, at: ['functions', name] };
}

function listedCandidate(
  { folder, manifest }: PlanRequest,
  name: string,
  settings: FunctionSettings,
  problems: BuildProblem[],
  found: DiscoveredFunction[],
): Candidate | null {
  const at = ['functions', name];
  if (settings.entry === undefined) {
    const known = found.map((one) => one.name);
    const nearest = nearestName(name, known);
    const suggestion = nearest === null ? '' : `: did you mean "${nearest}"?`;
    const message = `there is no function "${name}" below functions/ or api/${suggestion}`;
    problems.push(manifest.problemAt(at, message, `name its file: { "entry": "path/to/file.ts" }`));
    return null;
  }
  const search = findEntry(folder, settings.entry);
  if (search.kind === 'none') {
    const message = `"functions.${name}.entry" names ${settings.entry}, ${search.message}`;
    problems.push(manifest.problemAt([...at, 'entry'], message, search.hint));
    return null;
  }
  return { name, entry: search.file, path: pathOfFile(search.file) ?? `/${name}`, settings, at };
}

/** The function of the repository itself, which answers all that the others leave. */
function rootFunction(request: PlanRequest, problems: BuildProblem[]): Candidate[] {
  const { folder, manifest, hasPublicFiles } = request;
  const { values } = manifest;
  const others = values.functions !== undefined || discovered(request).length > 0;
  if (others && values.entry === undefined) {
    const isListed = Object.values(values.functions ?? {}).some(({ entry }) => entry !== undefined);
    const file = isListed ? null : findRootEntry(folder);
    return file === null ? [] : [rootCandidate(values, file)];
  }
  const search = findEntry(folder, values.entry ?? null);
  if (search.kind === 'found') return [rootCandidate(values, search.file)];
  if (values.entry === undefined && hasPublicFiles) return [];
  const message =
    values.entry === undefined
      ? search.message
      : `"entry" in fn.json names ${values.entry}, ${search.message}`;
  const place = values.entry === undefined ? null : ['entry'];
  problems.push(
    place === null
      ? { message, hint: search.hint, at: null, frame: [] }
      : manifest.problemAt(place, message, search.hint),
  );
  return [];
}

function rootCandidate(values: FnManifest, entry: string): Candidate {
  return { name: ROOT_FUNCTION, entry, path: null, settings: values, at: [] };
}

function plan(
  { name, entry, path, settings, at }: Candidate,
  isAlone: boolean,
  request: PlanRequest,
  problems: BuildProblem[],
): FunctionPlan {
  const { values } = request.manifest;
  const http = httpSettings(settings, at, request.manifest, problems);
  const ownPath = http.path ?? path ?? (isAlone ? undefined : '/*');
  if (ownPath !== undefined) checkPattern(ownPath, entry, at, request.manifest, problems);
  const { convention = values.convention, event = values.event } = settings;
  const handler = settings.handler ?? values.handler;
  return {
    name,
    entry: normalize(join(request.prefix, entry)),
    handler: handler?.split('.').at(-1) ?? null,
    ...limitsOf(settings, values, request.defaults),
    ...(ownPath !== undefined && { path: ownPath }),
    ...(http.methods !== undefined && { methods: http.methods }),
    ...(convention !== undefined && { convention }),
    ...(event !== undefined && { event: 'lambda' as const }),
  };
}

function limitsOf(
  own: FunctionSettings,
  app: FunctionSettings,
  defaults: FunctionLimits,
): FunctionLimits {
  const timeout = own.timeout ?? app.timeout;
  return {
    memoryMib: own.memory ?? app.memory ?? defaults.memoryMib,
    timeoutMs: timeout === undefined ? defaults.timeoutMs : Math.round(timeout * 1000),
    concurrency: own.concurrency ?? app.concurrency ?? defaults.concurrency,
    maxBodyBytes: own.maxBodyBytes ?? app.maxBodyBytes ?? defaults.maxBodyBytes,
  };
}

/** `path` and `methods`, which may stand in a trigger of type http too. */
function httpSettings(
  settings: FunctionSettings,
  at: readonly string[],
  manifest: Manifest,
  problems: BuildProblem[],
): { path?: string; methods?: string[] } {
  const triggers = (settings.triggers ?? []).flatMap((trigger, index) =>
    trigger.type === 'http' ? [{ config: trigger.config ?? {}, index }] : [],
  );
  const second = triggers[1];
  if (second !== undefined) {
    const place = [...at, 'triggers', second.index];
    const hint = 'use a pattern such as "/users/*", or a function for each path';
    problems.push(manifest.problemAt(place, 'a function has one trigger of type "http"', hint));
  }
  const config = triggers[0]?.config ?? {};
  for (const field of ['path', 'methods'] as const) {
    if (settings[field] === undefined || config[field] === undefined) continue;
    const message = `"${field}" is given twice: here and in the trigger of type "http"`;
    problems.push(manifest.problemAt([...at, field], message));
  }
  const path = settings.path ?? config.path;
  const methods = settings.methods ?? config.methods;
  return { ...(path !== undefined && { path }), ...(methods !== undefined && { methods }) };
}

function checkPattern(
  path: string,
  entry: string,
  at: readonly string[],
  manifest: Manifest,
  problems: BuildProblem[],
): void {
  try {
    parsePathPattern(path);
  } catch (error) {
    const { message } = error as SyntaxError;
    if (path === pathOfFile(entry)) {
      const hint = 'rename the file, or give the function a "path" in fn.json';
      problems.push({ message: `the path of ${entry} ${message}`, at: null, frame: [], hint });
    } else {
      problems.push(manifest.problemAt([...at, 'path'], `the path "${path}" ${message}`));
    }
  }
}
