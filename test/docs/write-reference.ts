/** `npm run docs`: writes what of the documents is generated. */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { withReference } from './fn-json-reference.ts';

const PAGE = resolve(import.meta.dirname, '../../docs/configuration.md');
await writeFile(PAGE, withReference(await readFile(PAGE, 'utf8')));
