import { onTestFinished } from 'vitest';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { randomName } from '../../src/std/ids.ts';
import { databaseUrl } from './database-url.ts';
import type { Platform } from './platform.ts';

const MIGRATIONS = new URL('../../migrations', import.meta.url).pathname;

/** An empty database of its own, on the server that the platform runs; dropped when the test has finished. */
export async function createEmptyDatabase(platform: Platform): Promise<Database> {
  const name = `test_${randomName(8)}`;
  const admin = openDatabase(databaseUrl(platform, 'postgres'), ignore);
  await admin.query(`CREATE DATABASE ${name}`);
  const database = openDatabase(databaseUrl(platform, name), ignore);
  onTestFinished(async () => {
    await database.close();
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.close();
  });
  return database;
}

/** The same, with the schema. */
export async function createDatabase(platform: Platform): Promise<Database> {
  const database = await createEmptyDatabase(platform);
  await migrate(database, MIGRATIONS);
  return database;
}

function ignore(): void {
  // A connection that ends with its database is what these tests want.
}
