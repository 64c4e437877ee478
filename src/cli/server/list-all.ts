import type { Operations } from '../../protocol/control-client.generated.ts';
import type { ControlClient } from './control-client.ts';

/** Operations that answer in pages. */
type ListId = {
  [Id in keyof Operations]: Operations[Id]['answer'] extends {
    items: unknown[];
    next: string | null;
  }
    ? Operations[Id]['input'] extends { query?: { cursor?: string } }
      ? Id
      : never
    : never;
}[keyof Operations];

type Page<Id extends ListId> = Operations[Id]['answer'];
type ItemOf<Id extends ListId> = Operations[Id]['answer']['items'][number];

const PAGE_ITEMS = 200;
/** Nobody reads more; a server that never ends is not believed. */
const MAX_PAGES = 50;

/** What all pages of a list have. */
export async function listAll<Id extends ListId>(
  client: ControlClient,
  id: Id,
  input: Operations[Id]['input'],
): Promise<ItemOf<Id>[]> {
  const items: ItemOf<Id>[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query: object = { ...input.query, limit: PAGE_ITEMS, ...(cursor !== null && { cursor }) };
    const answer: Page<Id> = await client.callOperation(id, { ...input, query });
    items.push(...answer.items);
    if (typeof answer.next !== 'string') break;
    cursor = answer.next;
  }
  return items;
}
