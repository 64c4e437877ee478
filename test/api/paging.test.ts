import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutPage, readPage } from '../../src/api/paging.ts';

interface Row {
  at: number;
  id: string;
}

const KEYSET = {
  list: 'rows',
  keyOf: ({ at, id }: Row) => [at, id] as const,
  types: ['number', 'string'] as const,
};

const rows = fc.uniqueArray(
  fc.record({ at: fc.integer({ min: -5, max: 5 }), id: fc.string({ maxLength: 6 }) }),
  { maxLength: 60, selector: ({ at, id }) => `${at} ${id}` },
);

function inOrder(all: readonly Row[]): Row[] {
  return all.toSorted((one, other) => one.at - other.at || (one.id < other.id ? -1 : 1));
}

it('gives the same sequence whatever the size of the pages', async () => {
  const property = fc.asyncProperty(
    rows,
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
    async (all, sizes) => {
      const seen: Row[] = [];
      let cursor: string | null = null;
      let pages = 0;
      do {
        const limit = sizes[pages % sizes.length] ?? 1;
        const page: { items: Row[]; next: string | null } = await cutPage(
          { limit, ...(cursor !== null && { cursor }) },
          KEYSET,
          all,
        );
        expect(page.items.length).toBeLessThanOrEqual(limit);
        expect(page.next === null || page.items.length === limit).toBe(true);
        seen.push(...page.items);
        cursor = page.next;
        pages += 1;
      } while (cursor !== null);
      expect(seen).toEqual(inOrder(all));
    },
  );
  await fc.assert(property);
});

it('repeats and hides none of the rows that were there all the time, while others come and go', async () => {
  const property = fc.asyncProperty(
    rows,
    rows,
    fc.integer({ min: 1, max: 5 }),
    async (lasting, passing, limit) => {
      const key = ({ at, id }: Row): string => `${at} ${id}`;
      const known = new Set(lasting.map(key));
      const others = passing.filter((row) => !known.has(key(row)));
      const seen: Row[] = [];
      let cursor: string | null = null;
      for (let turn = 0; turn === 0 || cursor !== null; turn += 1) {
        const now = [...lasting, ...others.filter((_, at) => (at + turn) % 3 !== 0)];
        const page: { items: Row[]; next: string | null } = await cutPage(
          { limit, ...(cursor !== null && { cursor }) },
          KEYSET,
          now,
        );
        seen.push(...page.items);
        cursor = page.next;
      }
      expect(seen.filter((row) => known.has(key(row)))).toEqual(inOrder(lasting));
      expect(new Set(seen.map(key)).size).toBe(seen.length);
    },
  );
  await fc.assert(property);
});

it.each([
  ['of another list', Buffer.from('["other",1,"a"]').toString('base64url')],
  ['of other types', Buffer.from('["rows","1","a"]').toString('base64url')],
  ['that is too short', Buffer.from('["rows",1]').toString('base64url')],
  ['that is an object', Buffer.from('{"0":"rows"}').toString('base64url')],
  ['that somebody made up', 'hello'],
  ['that is empty', ''],
])('refuses a cursor %s', async (_, cursor) => {
  const read = readPage({ limit: 5, cursor }, KEYSET, async () => []);
  await expect(read).rejects.toMatchObject({ code: 'bad-request', hint: expect.any(String) });
});
