import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { MIN_MEMORY_MIB } from '../model/limits.ts';
import {
  type BuildProblem,
  type BuildResult,
  type BuiltFunction,
  type EnvironmentNeeds,
  type FunctionLimits,
  MAX_ENVIRONMENT_READS,
  MAX_PROBLEMS,
} from '../protocol/builder.ts';
import { printableLine } from '../std/printable.ts';

const MAX_MESSAGE_CHARACTERS = 1000;
const MAX_FRAME_LINES = 12;
const MAX_FRAME_CHARACTERS = 200;
const MAX_PATH_CHARACTERS = 300;

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
const Functions = Type.Array(
  Type.Object({
    name: Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$' }),
    file: Type.String(),
    entry: Type.String({ maxLength: 1024 }),
    memoryMib: Type.Integer(),
    timeoutMs: Type.Integer(),
    concurrency: Type.Integer(),
    maxBodyBytes: Type.Integer(),
  }),
  { minItems: 1, maxItems: 1 },
);
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
  const functions = value.functions.map(cleanFunction);
  const warnings = value.warnings.slice(0, MAX_PROBLEMS).map(cleanProblem);
  const environment = cleanNeeds(value.environment);
  return { kind: 'built', runtime: value.runtime, functions, environment, warnings };
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
  const entry = printableLine(built.entry, MAX_PATH_CHARACTERS);
  return { name, file, entry, memoryMib, timeoutMs, concurrency, maxBodyBytes };
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
