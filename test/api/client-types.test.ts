import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { CLIENT_TYPES, clientTypes } from '../support/client-types.ts';
import { readOpenApiDocument } from '../support/openapi-document.ts';

it('are those of the API: otherwise run npm run generate', async () => {
  const now = clientTypes(await readOpenApiDocument());
  expect(await readFile(CLIENT_TYPES, 'utf8')).toBe(now);
});
