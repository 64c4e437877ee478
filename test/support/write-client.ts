/** `npm run generate`: writes the types of the control API's clients. */
import { writeFile } from 'node:fs/promises';
import { CLIENT_TYPES, clientTypes } from './client-types.ts';
import { readOpenApiDocument } from './openapi-document.ts';

await writeFile(CLIENT_TYPES, clientTypes(await readOpenApiDocument()));
