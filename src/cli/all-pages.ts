import type { Page } from '../protocol/control-api.ts';
import type { ControlClient } from './control-client.ts';

const PAGE_ITEMS = 200;
/** Nobody reads more; a server that never ends is not believed. */
const MAX_PAGES = 50;

/** All items of a list of the control API. `path` has no query. */
export async function allPages<Item>(
  client: ControlClient,
  path: string,
  options: { timeoutMs?: number } = {},
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = new URLSearchParams({ limit: String(PAGE_ITEMS) });
    if (cursor !== null) query.set('cursor', cursor);
    const call = { method: 'GET', path: `${path}?${query.toString()}`, ...options } as const;
    const answer: Page<Item> = await client.call<Page<Item>>(call);
    items.push(...answer.items);
    cursor = answer.next;
    if (cursor === null) break;
  }
  return items;
}
