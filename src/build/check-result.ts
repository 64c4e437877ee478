import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { MIN_MEMORY_MIB } from '../model/limits.ts';
import {
  type BuildInputs,
  type BuildProblem,
  type BuildResult,
  type BuiltFunction,
  type BuiltPublicFile,
  type EnvironmentNeeds,
  FUNCTION_NAME,
  type FunctionLimits,
  MAX_BUILT_FILES,
  MAX_ENVIRONMENT_READS,
  MAX_FUNCTIONS,
  MAX_PROBLEMS,
  MAX_RECORDED_BYTES,
  MAX_RECORDED_FILES,
  MAX_RECORDED_INPUTS,
} from '../protocol/builder.ts';
import { MAX_PATTERN_CHARACTERS, parsePathPattern } from '../protocol/path-pattern.ts';
import { printableLine } from '../std/printable.ts';
import { Domains, isDomain } from './check-domains.ts';
import { cleanWish, EgressWishes, isOneSpelling } from './check-egress.ts';

const MAX_MESSAGE_CHARACTERS = 1000;
/** What a failed command printed last is shown the same way. */
const MAX_FRAME_LINES = 20;
const MAX_FRAME_CHARACTERS = 200;
const MAX_PATH_CHARACTERS = 300;
const MAX_METHODS = 20;
/** As for values that are set by hand. */
const MAX_VALUE_CHARACTERS = 64 * 1024;
const MAX_RELEASE_ARGUMENTS = 100;
const MAX_ARGUMENT_CHARACTERS = 4096;
/** A function's code, or the release command's. */
const MAX_UNITS = MAX_FUNCTIONS + 1;

const Position = Type.Integer({ minimum: 1 });
const Problems = Type.Array(
  Type.Object({
    message: Type.String(),
    at: Type.Union([
      Type.Null(),
      Type.Object({ file: Type.String(), line: Position, column: Position }),
    ]),
    frame: Type.Array(Type.String()),
    hint: Type.Optional(Type.String()),
  }),
);
/** The name of an export. */
const MAX_HANDLER_CHARACTERS = 200;
const FileName = Type.String({ minLength: 1, maxLength: 1024 });
const Functions = Type.Array(
  Type.Object({
    name: Type.String({ pattern: FUNCTION_NAME.source }),
    file: FileName,
    entry: Type.String({ maxLength: 1024 }),
    memoryMib: Type.Integer(),
    timeoutMs: Type.Integer(),
    concurrency: Type.Integer(),
    maxBodyBytes: Type.Integer(),
    path: Type.Optional(Type.String({ maxLength: MAX_PATTERN_CHARACTERS })),
    methods: Type.Optional(
      Type.Array(Type.String({ pattern: '^[A-Z]{1,20}$' }), { minItems: 1, maxItems: MAX_METHODS }),
    ),
    convention: Type.Optional(Type.String({ pattern: '^[a-z]{1,20}$' })),
    event: Type.Optional(Type.Literal('lambda')),
    handler: Type.Optional(Type.String({ maxLength: MAX_HANDLER_CHARACTERS })),
  }),
  { maxItems: MAX_FUNCTIONS },
);
const PublicFiles = Type.Array(
  Type.Object({
    path: Type.String({ pattern: '^/', maxLength: 1024 }),
    file: Type.String({ pattern: '^public/', maxLength: 1024 }),
    encodings: Type.Object({ br: Type.Optional(FileName), gzip: Type.Optional(FileName) }),
  }),
  { maxItems: MAX_BUILT_FILES },
);
const Release = Type.Object({
  entry: Type.String({ maxLength: 1024 }),
  file: FileName,
  args: Type.Array(Type.String({ maxLength: MAX_ARGUMENT_CHARACTERS }), {
    maxItems: MAX_RELEASE_ARGUMENTS,
  }),
});
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Inputs = Type.Object({
  files: Type.Array(Type.Object({ path: FileName, sha256: Sha256 }), {
    maxItems: MAX_RECORDED_FILES,
  }),
  units: Type.Array(
    Type.Object({
      file: FileName,
      settings: Sha256,
      inputs: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: MAX_RECORDED_FILES }),
      surroundings: Sha256,
      packages: Type.Array(FileName, { maxItems: MAX_RECORDED_FILES }),
    }),
    { maxItems: MAX_UNITS },
  ),
  trace: Type.Union([
    Type.Null(),
    Type.Object({
      state: Sha256,
      files: Type.Array(FileName, { maxItems: MAX_RECORDED_FILES }),
    }),
  ]),
});
/** As much as a deployment's environment may have. */
const MAX_VARIABLES_BYTES = 256 * 1024;
const VariableName = Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' });
const Needs = Type.Object({
  reads: Type.Array(
    Type.Object({
      name: VariableName,
      file: Type.String(),
      line: Position,
      hasDefault: Type.Boolean(),
    }),
    { maxItems: MAX_ENVIRONMENT_READS },
  ),
  required: Type.Array(VariableName, { maxItems: MAX_ENVIRONMENT_READS }),
});
const Result = Type.Union([
  Type.Object({
    kind: Type.Literal('built'),
    runtime: Type.String({ pattern: '^[a-z][a-z0-9]{0,19}$' }),
    functions: Functions,
    environment: Needs,
    variables: Type.Optional(
      Type.Record(VariableName, Type.String({ maxLength: MAX_VALUE_CHARACTERS }), {
        additionalProperties: false,
        maxProperties: MAX_ENVIRONMENT_READS,
      }),
    ),
    egress: Type.Optional(EgressWishes),
    domains: Type.Optional(Domains),
    publicFiles: PublicFiles,
    releaseCommand: Type.Union([Type.Null(), Release]),
    reused: Type.Array(FileName, { maxItems: MAX_UNITS }),
    inputs: Type.Union([Type.Null(), Inputs]),
    warnings: Problems,
  }),
  Type.Object({ kind: Type.Literal('failed'), problems: Problems }),
]);

/** The builder's last frame as a result that holds what its type says, or null when it does not. */
export function checkResult(json: string, maxima: FunctionLimits): BuildResult | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  if (!Value.Check(Result, value)) return null;
  if (value.kind === 'failed') {
    const problems = value.problems.slice(0, MAX_PROBLEMS).map(cleanProblem);
    return problems.length === 0 ? null : { kind: 'failed', problems };
  }
  if (!value.functions.every((built) => isWithin(built, maxima))) return null;
  if (bytesOf(value.variables ?? {}) > MAX_VARIABLES_BYTES) return null;
  if (!(value.egress ?? []).every(isOneSpelling)) return null;
  if (!(value.domains ?? []).every(isDomain)) return null;
  if (!hasOwnNames(value.functions) || !isConsistent(value.inputs)) return null;
  const { runtime, reused, releaseCommand: release } = value;
  return {
    kind: 'built',
    runtime,
    functions: value.functions.map(cleanFunction),
    environment: cleanNeeds(value.environment),
    ...(value.variables !== undefined && { variables: value.variables }),
    ...(value.egress !== undefined && { egress: value.egress.map(cleanWish) }),
    ...(value.domains !== undefined && { domains: value.domains }),
    publicFiles: value.publicFiles.map(cleanPublicFile),
    releaseCommand: release && {
      entry: printableLine(release.entry, MAX_PATH_CHARACTERS),
      file: release.file,
      args: release.args,
    },
    reused,
    inputs: value.inputs && cleanInputs(value.inputs),
    warnings: value.warnings.slice(0, MAX_PROBLEMS).map(cleanProblem),
  };
}

function bytesOf(variables: Record<string, string>): number {
  return Buffer.byteLength(Object.entries(variables).flat().join(''));
}

/** Each function has a name and a file of its own, and a path that the router can read. */
function hasOwnNames(functions: BuiltFunction[]): boolean {
  const names = new Set(functions.map(({ name }) => name));
  const files = new Set(functions.map(({ file }) => file));
  return (
    names.size === functions.length &&
    files.size === functions.length &&
    functions.every(({ path }) => path === undefined || isPattern(path))
  );
}

function isPattern(path: string): boolean {
  try {
    parsePathPattern(path);
    return true;
  } catch {
    return false;
  }
}

function isConsistent(inputs: BuildInputs | null): boolean {
  if (inputs === null) return true;
  const { files, units, trace } = inputs;
  const count = units.reduce((sum, unit) => sum + unit.inputs.length + unit.packages.length, 0);
  const isKnown = (index: number): boolean => index < files.length;
  const named = units.flatMap(({ file, packages }) => [file, ...packages]);
  const paths = [...files.map(({ path }) => path), ...named, ...(trace?.files ?? [])];
  if (!paths.every(isText)) return false;
  return count <= MAX_RECORDED_INPUTS && units.every((unit) => unit.inputs.every(isKnown));
}

/** What a database takes as text: no NUL, and nothing that UTF-8 cannot say. */
function isText(path: string): boolean {
  return path.isWellFormed() && !path.includes('\0');
}

function isWithin(built: BuiltFunction, maxima: FunctionLimits): boolean {
  const isIn = (limit: keyof FunctionLimits, min: number): boolean =>
    built[limit] >= min && built[limit] <= maxima[limit];
  return (
    isIn('memoryMib', MIN_MEMORY_MIB) &&
    isIn('timeoutMs', 1) &&
    isIn('concurrency', 1) &&
    isIn('maxBodyBytes', 0)
  );
}

/** Only the known fields: what else a builder adds goes no further. */
function cleanFunction(built: BuiltFunction): BuiltFunction {
  const { name, file, memoryMib, timeoutMs, concurrency, maxBodyBytes } = built;
  const { path, methods, convention, event, handler } = built;
  return {
    name,
    file,
    entry: printableLine(built.entry, MAX_PATH_CHARACTERS),
    memoryMib,
    timeoutMs,
    concurrency,
    maxBodyBytes,
    ...(path !== undefined && { path }),
    ...(methods !== undefined && { methods }),
    ...(convention !== undefined && { convention }),
    ...(event !== undefined && { event }),
    ...(handler !== undefined && { handler: printableLine(handler, MAX_HANDLER_CHARACTERS) }),
  };
}

function cleanPublicFile({
  path,
  file,
  encodings: { br, gzip },
}: BuiltPublicFile): BuiltPublicFile {
  const encodings = { ...(br !== undefined && { br }), ...(gzip !== undefined && { gzip }) };
  return { path, file, encodings };
}

/** Null when it is more than is kept. */
function cleanInputs({ files, units, trace }: BuildInputs): BuildInputs | null {
  const cleaned = {
    files: files.map(({ path, sha256 }) => ({ path, sha256 })),
    units: units.map(({ file, settings, inputs, surroundings, packages }) => {
      return { file, settings, inputs, surroundings, packages };
    }),
    trace: trace && { state: trace.state, files: trace.files },
  };
  return Buffer.byteLength(JSON.stringify(cleaned)) <= MAX_RECORDED_BYTES ? cleaned : null;
}

function cleanNeeds({ reads, required }: EnvironmentNeeds): EnvironmentNeeds {
  return {
    reads: reads.map(({ name, file, line, hasDefault }) => {
      return { name, file: printableLine(file, MAX_PATH_CHARACTERS), line, hasDefault };
    }),
    required,
  };
}

function cleanProblem({ message, at, frame, hint }: BuildProblem): BuildProblem {
  return {
    message: printableLine(message, MAX_MESSAGE_CHARACTERS),
    at: at && { ...at, file: printableLine(at.file, MAX_PATH_CHARACTERS) },
    frame: frame.slice(0, MAX_FRAME_LINES).map((line) => printableLine(line, MAX_FRAME_CHARACTERS)),
    ...(hint !== undefined && { hint: printableLine(hint, MAX_MESSAGE_CHARACTERS) }),
  };
}
