/**
 * One database server for all tests that need nothing else of a platform. It starts beside the first tests and ends with
 * the run; who asks for a database waits until it is there.
 */
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';
import { readHostEnvironment } from '../../src/main/config/env.ts';
import {
  type PostgresServer,
  startPostgres,
} from '../../src/main/supervisor/database/embedded-postgres.ts';
import { provideTools } from '../../src/main/supervisor/machine/host-tools.ts';
import { packagedFile } from '../../src/main/supervisor/machine/packaged-files.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';

declare module 'vitest' {
  interface ProvidedContext {
    databaseServer: SharedDatabaseServer;
  }
}

export interface SharedDatabaseServer {
  /** Of its socket. */
  folder: string;
  /** Written when it takes connections, or with the reason why it never will. */
  readyFile: string;
}

const PROJECT = resolve(import.meta.dirname, '../..');
/** Nobody's: Postgres does not run as root. */
const DATABASE_UID = 65_534;

/** Has the schema of today; databases are copied from it. */
export const TEMPLATE = 'migrated';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const parent = await mkdtemp(join(tmpdir(), 'gitfn-database-'));
  const server = { folder: join(parent, 'socket'), readyFile: join(parent, 'ready') };
  project.provide('databaseServer', server);
  const starting = start(parent, server);
  return async () => {
    await (await starting)?.stop();
    await rm(parent, { recursive: true, force: true });
  };
}

export function urlOf({ folder }: Pick<SharedDatabaseServer, 'folder'>, name: string): string {
  return `postgresql://gitfn@localhost/${name}?host=${encodeURIComponent(folder)}`;
}

async function start(parent: string, server: SharedDatabaseServer): Promise<PostgresServer | null> {
  try {
    const postgres = await startServer(parent, server.folder);
    const admin = openDatabase(urlOf(server, 'postgres'), () => {});
    // Nothing here shall outlive the run.
    for (const setting of ['fsync', 'full_page_writes', 'synchronous_commit']) {
      await admin.query(`ALTER SYSTEM SET ${setting} = off`);
    }
    await admin.query('SELECT pg_reload_conf()');
    await admin.query(`CREATE DATABASE ${TEMPLATE}`);
    await admin.close();
    const template = openDatabase(urlOf(server, TEMPLATE), () => {});
    await migrate(template, join(PROJECT, 'migrations'));
    await template.close();
    await writeFile(server.readyFile, '');
    return postgres;
  } catch (error) {
    await writeFile(server.readyFile, String(error));
    return null;
  }
}

async function startServer(parent: string, folder: string): Promise<PostgresServer> {
  const uid = process.getuid?.() === 0 ? DATABASE_UID : null;
  const dir = join(parent, 'data');
  for (const path of [parent, dir, folder]) {
    await mkdir(path, { recursive: true });
    if (uid !== null) await chown(path, uid, uid);
  }
  return startPostgres({
    tools: provideTools({ folders: readHostEnvironment().toolFolders, say: () => {} }),
    nativeDir: packagedFile(PROJECT, 'postgres'),
    dir,
    socketDir: folder,
    librariesDir: join(parent, 'libraries'),
    uid,
    isVerbose: false,
    onSpawn: () => {},
  });
}
