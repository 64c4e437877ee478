/**
 * JSON as people write it by hand (RFC 8259 and comments, and commas before a closing bracket), parsed into nodes
 * that know where they stand, so that a wrong value is reported with its line.
 */

export interface JsonMember {
  key: string;
  keyAt: number;
  value: JsonNode;
}

export type JsonNode = { at: number } & (
  | { kind: 'object'; members: JsonMember[] }
  | { kind: 'array'; items: JsonNode[] }
  | { kind: 'scalar'; value: string | number | boolean | null }
);

/** What keeps the text from being JSON; `at` is an offset into it. */
export class JsonSyntaxError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** Deeper nesting is no configuration, and would overflow the stack. */
const MAX_DEPTH = 64;
const SKIPPED = /(?:[ \t\r\n\uFEFF]+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const SCALAR = /"(?:[^"\\\n]|\\.)*"|[-+.\w]+/y;

/** @throws JsonSyntaxError */
export function parsePositionedJson(text: string): JsonNode {
  const cursor: Cursor = { text, at: 0 };
  const node = readValue(cursor, 0);
  skip(cursor);
  if (cursor.at < text.length) throw unexpected(cursor);
  return node;
}

/** The value that JSON.parse would give. */
export function toPlainValue(node: JsonNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'array') return node.items.map(toPlainValue);
  return Object.fromEntries(node.members.map(({ key, value }) => [key, toPlainValue(value)]));
}

/** Line and column, from 1, of an offset. */
export function positionAt(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  return { line, column: at - before.lastIndexOf('\n') };
}

interface Cursor {
  readonly text: string;
  at: number;
}

function readValue(cursor: Cursor, depth: number): JsonNode {
  skip(cursor);
  if (depth > MAX_DEPTH) throw new JsonSyntaxError('Nested too deeply', cursor.at);
  const at = cursor.at;
  if (take(cursor, '{')) return { at, kind: 'object', members: readMembers(cursor, depth) };
  if (take(cursor, '[')) {
    const items = readList(cursor, ']', () => readValue(cursor, depth + 1));
    return { at, kind: 'array', items };
  }
  return { at, kind: 'scalar', value: readScalar(cursor) };
}

function readMembers(cursor: Cursor, depth: number): JsonMember[] {
  const seen = new Set<string>();
  return readList(cursor, '}', () => {
    const keyAt = cursor.at;
    const key = readScalar(cursor);
    if (typeof key !== 'string') throw new JsonSyntaxError('Expected a name in quotes', keyAt);
    if (seen.has(key)) throw new JsonSyntaxError(`"${key}" is there twice`, keyAt);
    seen.add(key);
    skip(cursor);
    if (!take(cursor, ':')) throw new JsonSyntaxError(`Expected ":" after "${key}"`, cursor.at);
    return { key, keyAt, value: readValue(cursor, depth + 1) };
  });
}

function readList<Item>(cursor: Cursor, close: string, readItem: () => Item): Item[] {
  const items: Item[] = [];
  for (;;) {
    skip(cursor);
    if (take(cursor, close)) return items;
    items.push(readItem());
    skip(cursor);
    if (take(cursor, ',')) continue;
    if (take(cursor, close)) return items;
    throw new JsonSyntaxError(`Expected "," or "${close}"`, cursor.at);
  }
}

function readScalar(cursor: Cursor): string | number | boolean | null {
  SCALAR.lastIndex = cursor.at;
  const token = SCALAR.exec(cursor.text)?.[0];
  if (token === undefined) throw unexpected(cursor);
  try {
    const value = JSON.parse(token) as string | number | boolean | null;
    cursor.at += token.length;
    return value;
  } catch {
    throw new JsonSyntaxError(`${token.slice(0, 40)} is no JSON value`, cursor.at);
  }
}

function skip(cursor: Cursor): void {
  SKIPPED.lastIndex = cursor.at;
  cursor.at += SKIPPED.exec(cursor.text)?.[0].length ?? 0;
}

function take(cursor: Cursor, character: string): boolean {
  if (cursor.text[cursor.at] !== character) return false;
  cursor.at += 1;
  return true;
}

function unexpected({ text, at }: Cursor): JsonSyntaxError {
  const character = text[at];
  return new JsonSyntaxError(
    character === undefined ? 'Unexpected end of file' : `Unexpected ${JSON.stringify(character)}`,
    at,
  );
}
