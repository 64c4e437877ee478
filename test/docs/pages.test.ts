import { expect, it } from 'vitest';
import { startPlatform } from '../support/platform.ts';
import { runDocument } from './run-document.ts';

/** Pages of commands, and how many of their blocks are only shown. */
const PAGES: [name: string, shown: number][] = [
  ['api.md', 0],
  ['access.md', 3],
  ['functions-api.md', 0],
  ['commands.md', 2],
  ['handlers.md', 0],
  ['environment.md', 0],
  ['logs.md', 0],
  ['domains.md', 0],
];

it.each(PAGES)(
  'docs/%s does what it says',
  async (name, shown) => {
    await using platform = await startPlatform();
    expect(await runDocument(name, platform)).toHaveLength(shown);
  },
  600_000,
);
