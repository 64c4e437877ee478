import type { BuildProblem, FunctionLimits } from '../protocol/builder.ts';
import { codeFrame } from '../protocol/code-frame.ts';
import { nearestName } from './nearest-name.ts';
import {
  type JsonMember,
  JsonSyntaxError,
  type JsonNode,
  parsePositionedJson,
  positionAt,
} from './positioned-json.ts';

export const MANIFEST_FILE = 'fn.json';
export const RUNTIME = 'nodejs26';

/** What fn.json says, with the defaults for what it leaves out. */
export interface Manifest extends FunctionLimits {
  /** Repository file, as written; null when it is to be found. */
  entry: string | null;
  /** The export that is the handler; null when the usual ones are looked for. */
  handler: string | null;
}

export type ManifestReading =
  | { kind: 'read'; manifest: Manifest; warnings: BuildProblem[] }
  | { kind: 'failed'; problems: BuildProblem[] };

export interface ManifestRules {
  defaults: FunctionLimits;
  maxima: FunctionLimits;
}

/** Node itself needs most of less. No less than sandboxes have at least (MIN_MEMORY_MIB, which control checks). */
const MIN_FUNCTION_MEMORY_MIB = 64;
const MIN_TIMEOUT_MS = 100;
const RUNTIMES = [RUNTIME, 'typescript'];
/** Fields that have a meaning elsewhere or later; they are named, so that nobody believes them to work. */
const UNUSED_FIELDS = [
  'build',
  'convention',
  'domains',
  'egress',
  'env',
  'event',
  'functions',
  'public',
  'rateLimit',
  'scaling',
  'triggers',
];

/** A wrong value, in words that follow the field's name. */
class WrongValue extends Error {}

type Setter = (manifest: Manifest, value: JsonNode, rules: ManifestRules) => void;

const SETTERS: Record<string, Setter> = {
  $schema: () => {},
  runtime: (_, value) => {
    const runtime = text(value);
    if (RUNTIMES.includes(runtime)) return;
    throw new WrongValue(`can be ${RUNTIMES.join(' or ')} in this version, not "${runtime}"`);
  },
  entry: (manifest, value) => {
    manifest.entry = text(value);
  },
  handler: (manifest, value) => {
    // `index.handler`, as Lambda has it, names the file too: the file is `entry` here.
    const name = text(value).split('.').at(-1) ?? '';
    if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)) {
      throw new WrongValue('must be the name of an export, for example "handler"');
    }
    manifest.handler = name;
  },
  memory: (manifest, value, { maxima }) => {
    const range = { min: MIN_FUNCTION_MEMORY_MIB, max: maxima.memoryMib, unit: 'MB' };
    manifest.memoryMib = integer(value, range);
  },
  timeout: (manifest, value, { maxima }) => {
    const range = { min: MIN_TIMEOUT_MS / 1000, max: maxima.timeoutMs / 1000, unit: 'seconds' };
    manifest.timeoutMs = Math.round(number(value, range) * 1000);
  },
  concurrency: (manifest, value, { maxima }) => {
    const range = { min: 1, max: maxima.concurrency, unit: 'requests' };
    manifest.concurrency = integer(value, range);
  },
  maxBodyBytes: (manifest, value, { maxima }) => {
    manifest.maxBodyBytes = integer(value, { min: 0, max: maxima.maxBodyBytes, unit: 'bytes' });
  },
};

/** What holds without an fn.json. */
export function defaultManifest(rules: ManifestRules): Manifest {
  return { entry: null, handler: null, ...rules.defaults };
}

/** Reads the text of fn.json; all wrong fields are reported at once. */
export function readManifest(source: string, rules: ManifestRules): ManifestReading {
  let root: JsonNode;
  try {
    root = parsePositionedJson(source);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { kind: 'failed', problems: [manifestProblem(source, error.at, error.message)] };
  }
  if (root.kind !== 'object') {
    const problem = manifestProblem(source, root.at, 'fn.json must be an object: { … }');
    return { kind: 'failed', problems: [problem] };
  }
  const reading = { manifest: defaultManifest(rules), problems: [], warnings: [] };
  for (const member of root.members) readMember(member, { source, rules, ...reading });
  if (reading.problems.length > 0) return { kind: 'failed', problems: reading.problems };
  return { kind: 'read', manifest: reading.manifest, warnings: reading.warnings };
}

/** A problem at an offset of fn.json. */
function manifestProblem(source: string, offset: number, message: string): BuildProblem {
  const place = positionAt(source, offset);
  return { message, at: { file: MANIFEST_FILE, ...place }, frame: codeFrame(source, place) };
}

interface Reading {
  source: string;
  rules: ManifestRules;
  manifest: Manifest;
  problems: BuildProblem[];
  warnings: BuildProblem[];
}

function readMember({ key, keyAt, value }: JsonMember, reading: Reading): void {
  const { source, rules, manifest, problems, warnings } = reading;
  const setter = Object.hasOwn(SETTERS, key) ? SETTERS[key] : undefined;
  if (setter === undefined) {
    warnings.push(manifestProblem(source, keyAt, describeUnknown(key)));
    return;
  }
  try {
    setter(manifest, value, rules);
  } catch (error) {
    if (!(error instanceof WrongValue)) throw error;
    problems.push(manifestProblem(source, value.at, `"${key}" ${error.message}`));
  }
}

function describeUnknown(key: string): string {
  if (UNUSED_FIELDS.includes(key)) return `"${key}" has no effect in this version`;
  const nearest = nearestName(key, [...Object.keys(SETTERS), ...UNUSED_FIELDS]);
  const suggestion = nearest === null ? '' : `: did you mean "${nearest}"?`;
  return `"${key}" is no field of fn.json and has no effect${suggestion}`;
}

function text(node: JsonNode): string {
  if (node.kind === 'scalar' && typeof node.value === 'string' && node.value !== '') {
    return node.value;
  }
  throw new WrongValue('must be text in quotes');
}

interface NumberRange {
  min: number;
  max: number;
  unit: string;
}

function number(node: JsonNode, { min, max, unit }: NumberRange): number {
  const value = node.kind === 'scalar' ? node.value : null;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new WrongValue(`must be a number from ${min} to ${max} (${unit})`);
}

function integer(node: JsonNode, range: NumberRange): number {
  const value = number(node, range);
  if (Number.isInteger(value)) return value;
  throw new WrongValue(`must be a whole number (${range.unit})`);
}
