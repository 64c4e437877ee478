import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '../protocol/errors.ts';
import type { Database, Queryable } from './database.ts';

/** Any number that no other program takes as an advisory lock: "gitfn" in ASCII. */
const MIGRATION_LOCK = 0x67_69_74_66_6e;

interface Migration {
  name: string;
  sql: string;
  sha256: string;
}

/**
 * Brings the schema up to what the folder describes; each file runs once, all new ones in one transaction, under
 * an advisory lock so that several processes may start at once. Returns the names that ran.
 * @throws PlatformError schema-newer when the database knows migrations that the folder has not.
 */
export async function migrate(database: Database, folder: string): Promise<string[]> {
  const migrations = await readMigrations(folder);
  return database.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    const applied = await readApplied(tx);
    refuseUnknown(applied, migrations);
    const missing = migrations.filter((migration) => !applied.has(migration.name));
    for (const migration of missing) {
      await tx.query(migration.sql);
      await tx.query('INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)', [
        migration.name,
        migration.sha256,
      ]);
    }
    return missing.map((migration) => migration.name);
  });
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8');
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function readApplied(tx: Queryable): Promise<Map<string, string>> {
  await tx.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  const { rows } = await tx.query<{ name: string; sha256: string }>(
    'SELECT name, sha256 FROM schema_migrations',
  );
  return new Map(rows.map((row) => [row.name, row.sha256]));
}

function refuseUnknown(applied: Map<string, string>, migrations: Migration[]): void {
  const known = new Map(migrations.map((migration) => [migration.name, migration.sha256]));
  for (const [name, sha256] of applied) {
    if (known.get(name) === sha256) continue;
    const problem = known.has(name)
      ? `migration ${name} was applied in another form`
      : `the database has migration ${name}, which this version of gitfn does not know`;
    throw new PlatformError('schema-newer', problem, {
      hint: 'start the version of gitfn that last used this database, or restore a backup made before it',
    });
  }
}
