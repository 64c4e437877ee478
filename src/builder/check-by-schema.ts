import { nearestName } from './nearest-name.ts';
import type { JsonMember, JsonNode } from './positioned-json.ts';

/** The part of JSON Schema that src/model/manifest.ts uses; anything else in it would go unchecked. */
export interface Schema {
  type?: string;
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: readonly Schema[];
  properties?: Readonly<Record<string, Schema>>;
  patternProperties?: Readonly<Record<string, Schema>>;
  additionalProperties?: boolean;
  required?: readonly string[];
  maxProperties?: number;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  'x-expects'?: string;
  'x-unit'?: string;
}

export interface SchemaProblem {
  /** Offset into the text. */
  at: number;
  message: string;
  hint?: string;
}

export interface SchemaRules {
  /** The most that a number may be, by the name of its field, where the schema leaves it to the operator. */
  maxima: Readonly<Record<string, number>>;
  /** What other platforms call a field → what it is called here. */
  synonyms: Readonly<Record<string, string>>;
}

/** Finds all that is wrong with a value, each with its place and its path as in `functions.hello.memory`. */
export function checkBySchema(root: JsonNode, schema: Schema, rules: SchemaRules): SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  check({ node: root, path: '' }, schema, { rules, problems });
  return problems;
}

interface Place {
  node: JsonNode;
  path: string;
}

interface Checking {
  rules: SchemaRules;
  problems: SchemaProblem[];
}

function check(place: Place, schema: Schema, checking: Checking): void {
  const { node, path } = place;
  const chosen = schema.anyOf === undefined ? schema : chooseOption(place, schema.anyOf);
  const wrong = typeof chosen === 'string' ? chosen : wrongValue(place, chosen, checking.rules);
  if (wrong !== null) checking.problems.push({ at: node.at, message: `${subject(path)} ${wrong}` });
  else if (typeof chosen !== 'string') checkInside(place, chosen, checking);
}

function checkInside({ node, path }: Place, schema: Schema, checking: Checking): void {
  if (node.kind === 'object') {
    for (const member of node.members) checkMember(member, path, { ...checking, schema });
    checkRequired({ node, path }, schema, checking);
  } else if (node.kind === 'array' && schema.items !== undefined) {
    for (const [index, item] of node.items.entries()) {
      check({ node: item, path: `${path}[${index}]` }, schema.items, checking);
    }
  }
}

function checkMember(
  { key, keyAt, value }: JsonMember,
  parent: string,
  checking: Checking & { schema: Schema },
): void {
  const { schema, rules, problems } = checking;
  const path = parent === '' ? key : `${parent}.${key}`;
  const { properties = {}, patternProperties = {} } = schema;
  const own = Object.hasOwn(properties, key) ? properties[key] : undefined;
  const [pattern, inner] = Object.entries(patternProperties)[0] ?? [];
  if (own !== undefined) {
    check({ node: value, path }, own, checking);
  } else if (pattern !== undefined && inner !== undefined) {
    if (new RegExp(pattern, 'u').test(key)) return check({ node: value, path }, inner, checking);
    const expects = schema['x-expects'] ?? 'is no name that can be used here';
    problems.push({ at: keyAt, message: `the name "${path}" ${expects}` });
  } else if (schema.additionalProperties === false) {
    problems.push({ at: keyAt, ...describeUnknown(path, key, Object.keys(properties), rules) });
  }
}

function describeUnknown(
  path: string,
  key: string,
  known: string[],
  { synonyms }: SchemaRules,
): Omit<SchemaProblem, 'at'> {
  const meant = Object.hasOwn(synonyms, key) ? (synonyms[key] ?? null) : null;
  const nearest = meant !== null && known.includes(meant) ? meant : nearestName(key, known);
  if (nearest !== null) {
    return { message: `"${path}" is no field of fn.json: did you mean "${nearest}"?` };
  }
  const hint = `there are: ${known.filter((name) => !name.startsWith('$')).join(', ')}`;
  return { message: `"${path}" is no field of fn.json`, hint };
}

function checkRequired(
  { node, path }: { node: JsonNode & { kind: 'object' }; path: string },
  { required = [] }: Schema,
  { problems }: Checking,
): void {
  for (const name of required) {
    if (node.members.some(({ key }) => key === name)) continue;
    problems.push({ at: node.at, message: `${subject(path)} needs "${name}"` });
  }
}

/** Of several schemas the one that is meant: by `type` for objects, by kind for the rest. Words when it is none. */
function chooseOption({ node }: Place, options: readonly Schema[]): Schema | string {
  const ofKind = options.filter((option) => hasKind(node, option));
  if (node.kind !== 'object') {
    return ofKind[0] ?? `must be ${anyOfWords(options.map(expectedKind))}`;
  }
  const type = node.members.find(({ key }) => key === 'type')?.value;
  const kinds = ofKind.map(({ properties }) => properties?.['type'] ?? {});
  const index = kinds.findIndex(
    (kind) => type !== undefined && accepted(kind).includes(scalar(type)),
  );
  const chosen = ofKind[index];
  if (chosen !== undefined) return chosen;
  const choices = kinds.flatMap(accepted);
  return type === undefined
    ? `needs "type": ${anyOfWords(choices.map(quoted))}`
    : `must have as "type" ${describeChoice(choices, scalar(type))}`;
}

/** What is wrong with the value itself, in words that follow its name; null when nothing is. */
function wrongValue({ node, path }: Place, schema: Schema, rules: SchemaRules): string | null {
  const choices = accepted(schema);
  if (choices.length > 0) {
    const value = scalar(node);
    return choices.includes(value) ? null : `must be ${describeChoice(choices, value)}`;
  }
  if (!hasKind(node, schema)) return describeKind(schema, path, rules);
  if (node.kind === 'object') {
    const { maxProperties = Infinity } = schema;
    return node.members.length > maxProperties ? `can have at most ${maxProperties} entries` : null;
  }
  if (node.kind === 'array') return wrongLength(node.items.length, schema);
  if (typeof node.value === 'string') return wrongText(node.value, schema);
  return typeof node.value === 'number' ? wrongNumber(node.value, schema, path, rules) : null;
}

function wrongText(text: string, schema: Schema): string | null {
  const { minLength = 0, maxLength = Infinity, pattern } = schema;
  if (text.length < minLength) return 'must not be empty';
  if (text.length > maxLength) return `can have at most ${maxLength} characters`;
  if (pattern === undefined || new RegExp(pattern, 'u').test(text)) return null;
  return schema['x-expects'] ?? `must match ${pattern}`;
}

function wrongLength(length: number, { minItems = 0, maxItems = Infinity }: Schema): string | null {
  if (length < minItems) return 'must not be empty';
  return length > maxItems ? `can have at most ${maxItems} entries` : null;
}

function wrongNumber(
  value: number,
  schema: Schema,
  path: string,
  rules: SchemaRules,
): string | null {
  const { min, max } = rangeOf(schema, path, rules);
  const isWhole = schema.type !== 'integer' || Number.isInteger(value);
  return value >= min && value <= max && isWhole ? null : describeKind(schema, path, rules);
}

function rangeOf(
  schema: Schema,
  path: string,
  { maxima }: SchemaRules,
): { min: number; max: number } {
  const field = path.slice(path.lastIndexOf('.') + 1);
  const { minimum = -Infinity, maximum = Infinity } = schema;
  return { min: minimum, max: Math.min(maximum, maxima[field] ?? Infinity) };
}

function describeKind(schema: Schema, path: string, rules: SchemaRules): string {
  if (schema.type !== 'number' && schema.type !== 'integer')
    return `must be ${expectedKind(schema)}`;
  const { min, max } = rangeOf(schema, path, rules);
  const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`;
  const unit = schema['x-unit'] === undefined ? '' : ` (${schema['x-unit']})`;
  return `must be a ${schema.type === 'integer' ? 'whole ' : ''}number ${range}${unit}`;
}

const KINDS: Record<string, string> = {
  string: 'text in quotes',
  boolean: 'true or false',
  array: 'a list: [ … ]',
  object: 'an object: { … }',
};

function expectedKind({ type = '', const: constant }: Schema): string {
  return constant === undefined ? (KINDS[type] ?? type) : quoted(constant);
}

function hasKind(node: JsonNode, schema: Schema): boolean {
  if (node.kind !== 'scalar') return schema.type === node.kind;
  if (schema.const !== undefined) return node.value === schema.const;
  const type = schema.type === 'integer' ? 'number' : schema.type;
  return typeof node.value === type;
}

/** The values that a schema lists; none when it lists none. */
function accepted({ enum: choices, const: constant }: Schema): readonly unknown[] {
  return choices ?? (constant === undefined ? [] : [constant]);
}

function describeChoice(choices: readonly unknown[], value: unknown): string {
  const words = anyOfWords(choices.map(quoted));
  if (typeof value !== 'string') return words;
  const nearest = nearestName(value, choices.map(String));
  return `${words}, not "${value}"${nearest === null ? '' : `: did you mean "${nearest}"?`}`;
}

function anyOfWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function quoted(value: unknown): string {
  return JSON.stringify(value);
}

function scalar(node: JsonNode): unknown {
  return node.kind === 'scalar' ? node.value : undefined;
}

function subject(path: string): string {
  return path === '' ? 'fn.json' : `"${path}"`;
}
