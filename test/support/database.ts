import { onTestFinished } from 'vitest';
import { instanceName } from '../../src/main/supervisor/layout.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { randomName } from '../../src/std/ids.ts';
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

/**
 * The embedded server of a platform, which trusts whoever may enter its socket's folder. The folder is in the mount
 * namespace of the supervisor.
 */
export function databaseUrl(platform: Platform, name: string): string {
  // The socket stands in the server's own mount namespace.
  const runtimeDir = `/proc/${platform.pid}/root/run/gitfn/${instanceName(platform.dataDir)}`;
  const folder = `${runtimeDir}/sockets/postgres`;
  return `postgresql://gitfn@localhost/${name}?host=${encodeURIComponent(folder)}`;
}

function ignore(): void {
  // A connection that ends with its database is what these tests want.
}
