/** All that a server has stored, as text to search. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDatabase } from '../../src/store/database.ts';
import { databaseUrl } from './database-url.ts';
import type { Platform } from './platform.ts';

/** Every row of every table, as text. */
export async function dumpDatabase(platform: Platform): Promise<string> {
  const db = openDatabase(databaseUrl(platform, 'postgres'), () => {});
  try {
    const { rows } = await db.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
    );
    const dumps = await Promise.all(
      rows.map(async ({ name }) => {
        const table = await db.query(`SELECT t::text AS row, * FROM ${name} t`);
        return table.rows.map((row) => `${JSON.stringify(row)} ${bytesIn(row)}`).join('\n');
      }),
    );
    return dumps.join('\n');
  } finally {
    await db.close();
  }
}

function bytesIn(row: object): string {
  return Object.values(row)
    .filter((value) => Buffer.isBuffer(value))
    .map((value) => value.toString('latin1'))
    .join(' ');
}

/** Every file below it that `isMeant`, as text. */
export async function dumpFolder(
  folder: string,
  isMeant: (path: string) => boolean = () => true,
): Promise<string> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    files
      .filter((file) => file.isFile())
      .map((file) => join(file.parentPath, file.name))
      .filter(isMeant)
      .map((path) => readFile(path, 'latin1')),
  );
  return texts.join('\n');
}
