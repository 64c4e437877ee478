import { type Static, type TSchema, Type } from 'typebox';
import { PlatformError } from '../protocol/errors.ts';
import { nullable } from './nullable.ts';

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;
const MAX_CURSOR_CHARACTERS = 1_000;
const LAST_MS = Date.UTC(9_999, 0);

/** The query string of every list; a list's own filters stand beside it. */
export const pageQuery = {
  limit: Type.Integer({
    minimum: 1,
    maximum: MAX_PAGE,
    default: DEFAULT_PAGE,
    description: 'How many items at most',
  }),
  cursor: Type.Optional(
    Type.String({
      maxLength: MAX_CURSOR_CHARACTERS,
      description: '`next` of the page before; without it, the first page',
    }),
  ),
};

/** For a list without filters. */
export const PageQuery = Type.Object(pageQuery, { additionalProperties: false });

/** A page of items; `next` is the cursor of the page behind it, null on the last. */
export function pageOf<Item extends TSchema>(item: Item) {
  return Type.Object({ items: Type.Array(item), next: nullable(Type.String()) });
}

/** Values of what a list is sorted by, which together tell each of its rows from all others. */
type Key = readonly (string | number)[];

interface Keyset<Row, RowKey extends Key> {
  /** Operation id: the cursor of one list is none of another. */
  list: string;
  keyOf: (row: Row) => RowKey;
  /** Of each part of the key, so that what a client sends is checked before a query sees it. */
  types: { [Part in keyof RowKey]: RowKey[Part] extends number ? 'number' : 'string' };
}

type Page<View> = { items: View[]; next: string | null };

/**
 * Reads one page by its keyset, never by an offset: rows that come or go in between neither repeat nor hide others.
 * `read` gives at most `limit` rows behind the key, in the order of the list; null stands for its beginning.
 * @throws PlatformError bad-request for a cursor that is none of this list
 */
export async function readPage<Row, RowKey extends Key>(
  { limit, cursor }: Static<typeof PageQuery>,
  keyset: Keyset<Row, RowKey>,
  read: (after: RowKey | null, limit: number) => Promise<Row[]>,
): Promise<Page<Row>> {
  const after = cursor === undefined ? null : readCursor(cursor, keyset);
  // One more than is shown tells whether there is a page behind it.
  const rows = await read(after, limit + 1);
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const isLast = rows.length <= limit || last === undefined;
  return { items, next: isLast ? null : writeCursor(keyset, last) };
}

/** The same of rows that are all there, in any order. The list is sorted by its key, upwards. */
export function cutPage<Row, RowKey extends Key>(
  query: Static<typeof PageQuery>,
  keyset: Keyset<Row, RowKey>,
  rows: readonly Row[],
): Promise<Page<Row>> {
  const sorted = rows.toSorted((one, other) => compare(keyset.keyOf(one), keyset.keyOf(other)));
  return readPage(query, keyset, async (after, limit) => {
    const behind = (row: Row): boolean => after === null || compare(keyset.keyOf(row), after) > 0;
    return sorted.filter(behind).slice(0, limit);
  });
}

/** A page with its items as clients see them. */
export async function presentPage<Row, View>(
  { items, next }: Page<Row>,
  present: (row: Row) => View | Promise<View>,
): Promise<Page<View>> {
  return { items: await Promise.all(items.map(present)), next };
}

/** Of a moment in a key; of one that somebody made up, the nearest that rows can have. */
export function dateOf(ms: number): Date {
  return new Date(Math.min(Math.max(ms, 0), LAST_MS));
}

function writeCursor<Row, RowKey extends Key>(keyset: Keyset<Row, RowKey>, row: Row): string {
  return Buffer.from(JSON.stringify([keyset.list, ...keyset.keyOf(row)])).toString('base64url');
}

function readCursor<Row, RowKey extends Key>(
  cursor: string,
  { list, types }: Keyset<Row, RowKey>,
): RowKey {
  const [of, ...key] = parse(cursor);
  const isOurs = key.length === types.length && key.every((part, at) => typeof part === types[at]);
  if (of === list && isOurs) return key as unknown as RowKey;
  throw new PlatformError('bad-request', 'the cursor is none of this list', {
    hint: 'give "next" of the page before as it is, or leave the cursor out for the first page',
  });
}

function parse(cursor: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return []; // Somebody made it up.
  }
}

function compare(one: Key, other: Key): number {
  const at = one.findIndex((part, index) => part !== other[index]);
  if (at === -1) return 0;
  return (one[at] ?? '') < (other[at] ?? '') ? -1 : 1;
}
