import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { inject, onTestFinished } from 'vitest';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { randomName } from '../../src/std/ids.ts';
import { TEMPLATE, urlOf } from './database-server.ts';
import { eventually } from './eventually.ts';

/** An empty database of its own; dropped when the test has finished. */
export function createEmptyDatabase(): Promise<Database> {
  return create('template1');
}

/** The same, with the schema. */
export function createDatabase(): Promise<Database> {
  return create(TEMPLATE);
}

/** For another process to connect to. */
export async function urlOfDatabase(database: Database): Promise<string> {
  const { rows } = await database.query<{ name: string }>('SELECT current_database() AS name');
  return urlOf(inject('databaseServer'), rows[0]?.name ?? '');
}

async function create(template: string): Promise<Database> {
  const server = inject('databaseServer');
  await eventually(() => existsSync(server.readyFile));
  const problem = await readFile(server.readyFile, 'utf8');
  if (problem !== '') throw new Error(`the database server did not start: ${problem}`);
  const name = `test_${randomName(8)}`;
  const admin = openDatabase(urlOf(server, 'postgres'), ignore);
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  const database = openDatabase(urlOf(server, name), ignore);
  onTestFinished(async () => {
    await database.close();
    await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    await admin.close();
  });
  return database;
}

function ignore(): void {
  // A connection that ends with its database is what these tests want.
}
