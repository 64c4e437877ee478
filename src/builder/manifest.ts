import { EGRESS_RULE_FORMS, formatEgressRule, parseEgressRule } from '../model/egress-rule.ts';
import { readDomainName } from '../model/domain-name.ts';
import { type FnManifest, FnManifestSchema } from '../model/manifest.ts';
import type { BuildProblem, EgressWish, FunctionLimits } from '../protocol/builder.ts';
import { codeFrame } from '../protocol/code-frame.ts';
import { checkBySchema, type Schema } from './check-by-schema.ts';
import {
  JsonSyntaxError,
  type JsonNode,
  parsePositionedJson,
  positionAt,
  toPlainValue,
} from './positioned-json.ts';

export const MANIFEST_FILE = 'fn.json';
export const RUNTIME = 'nodejs26';

/** fn.json, checked, and able to point at its own text. */
export interface Manifest {
  values: FnManifest;
  /** A problem at a field of fn.json, as `problemAt(['functions', 'hello', 'path'], …)`. */
  problemAt: (path: readonly (string | number)[], message: string, hint?: string) => BuildProblem;
}

export type ManifestReading =
  | { kind: 'read'; manifest: Manifest; warnings: BuildProblem[] }
  | { kind: 'failed'; problems: BuildProblem[] };

/** Fields that are checked and do not act: they are named, so that nobody believes them to work. */
const INACTIVE_FIELDS = ['scaling', 'rateLimit'] as const;

/** What those who come from other platforms write. */
const SYNONYMS = {
  main: 'entry',
  memorySize: 'memory',
  maxDuration: 'timeout',
  timeoutSeconds: 'timeout',
  environment: 'env',
  vars: 'env',
  variables: 'env',
  buildCommand: 'command',
  outputDirectory: 'public',
  publicDirectory: 'public',
  assets: 'public',
  route: 'path',
  method: 'methods',
  root: 'rootDirectory',
};

/** What holds without an fn.json. */
export function emptyManifest(): Manifest {
  return {
    values: {},
    problemAt: (_, message, hint) => ({
      message,
      at: null,
      frame: [],
      ...(hint !== undefined && { hint }),
    }),
  };
}

/** Reads the text of fn.json; all that is wrong is reported at once. */
export function readManifest(source: string, maxima: FunctionLimits): ManifestReading {
  let root: JsonNode;
  try {
    root = parsePositionedJson(source);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { kind: 'failed', problems: [problemAtOffset(source, error.at, error.message)] };
  }
  const rules = { maxima: maximaByField(maxima), synonyms: SYNONYMS };
  // The schema library's types are wider than what the schema holds.
  const found = checkBySchema(root, FnManifestSchema as unknown as Schema, rules);
  if (found.length > 0) {
    const problems = found.map(({ at, message, hint }) =>
      problemAtOffset(source, at, message, hint),
    );
    return { kind: 'failed', problems };
  }
  const values = toPlainValue(root) as FnManifest;
  const manifest: Manifest = {
    values,
    problemAt: (path, message, hint) =>
      problemAtOffset(source, offsetOf(root, path), message, hint),
  };
  const problems = [...unreadableEgress(manifest), ...unreadableDomains(manifest)];
  if (problems.length > 0) return { kind: 'failed', problems };
  return { kind: 'read', manifest, warnings: inactiveFields(manifest) };
}

function unreadableEgress({ values, problemAt }: Manifest): BuildProblem[] {
  return (values.egress ?? []).flatMap((text, index) => {
    if (parseEgressRule(text) !== null) return [];
    return problemAt(['egress', index], `"egress[${index}]" must be ${EGRESS_RULE_FORMS}`);
  });
}

function unreadableDomains({ values, problemAt }: Manifest): BuildProblem[] {
  return (values.domains ?? []).flatMap((text, index) => {
    const reading = readDomainName(text);
    if (reading.kind === 'name') return [];
    return problemAt(['domains', index], `"domains[${index}]": ${reading.reason}`);
  });
}

/** The domains of fn.json in their one spelling, each once. */
export function domainsOf({ values }: Manifest): string[] {
  const names = (values.domains ?? []).flatMap((text) => {
    const reading = readDomainName(text);
    return reading.kind === 'name' ? reading.name : [];
  });
  return [...new Set(names)];
}

/** What fn.json asks for, in its one spelling, and where: whether it may be is for the operator to say. */
export function egressOf({ values, problemAt }: Manifest): EgressWish[] {
  return (values.egress ?? []).flatMap((text, index) => {
    const rule = parseEgressRule(text);
    const { line, column } = problemAt(['egress', index], '').at ?? { line: 1, column: 1 };
    return rule === null ? [] : { rule: formatEgressRule(rule), line, column };
  });
}

function maximaByField(maxima: FunctionLimits): Record<string, number> {
  const { memoryMib: memory, timeoutMs, concurrency, maxBodyBytes } = maxima;
  return { memory, timeout: timeoutMs / 1000, concurrency, maxBodyBytes };
}

function inactiveFields({ values, problemAt }: Manifest): BuildProblem[] {
  const fields = INACTIVE_FIELDS.filter((field) => values[field] !== undefined);
  const warnings = fields.map((field) =>
    problemAt([field], `"${field}" has no effect in this version`),
  );
  const owners: [(string | number)[], FnManifest['triggers']][] = [[[], values.triggers]];
  for (const [name, settings] of Object.entries(values.functions ?? {})) {
    owners.push([['functions', name], settings.triggers]);
  }
  for (const [path, triggers] of owners) {
    for (const [index, { type }] of (triggers ?? []).entries()) {
      if (type === 'http') continue;
      const message = `a trigger of type "${type}" has no effect in this version`;
      warnings.push(problemAt([...path, 'triggers', index], message));
    }
  }
  return warnings;
}

/** Where a field's value stands; as deep as the path can be followed. */
function offsetOf(root: JsonNode, path: readonly (string | number)[]): number {
  let node = root;
  for (const step of path) {
    const next =
      node.kind === 'object'
        ? node.members.find(({ key }) => key === step)?.value
        : node.kind === 'array' && typeof step === 'number'
          ? node.items[step]
          : undefined;
    if (next === undefined) break;
    node = next;
  }
  return node.at;
}

function problemAtOffset(
  source: string,
  offset: number,
  message: string,
  hint?: string,
): BuildProblem {
  const place = positionAt(source, offset);
  const problem = {
    message,
    at: { file: MANIFEST_FILE, ...place },
    frame: codeFrame(source, place),
  };
  return hint === undefined ? problem : { ...problem, hint };
}
