import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { withReference } from './fn-json-reference.ts';

it('docs/configuration.md has fn.json as its schema has it; npm run docs writes it', async () => {
  const page = await readFile(resolve(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
  expect(page).toContain('| `memory` | integer, MB, from 64 | `128` |');
  expect(page).toBe(withReference(page));
});
