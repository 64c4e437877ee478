import { once } from 'node:events';
import net from 'node:net';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ask } from '../support/ask.ts';
import { createDatabase, createEmptyDatabase } from '../support/database.ts';
import { databaseUrl } from '../support/database-url.ts';
import { spawnServer, startPlatform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

/** Lends its PostgreSQL to another platform. */
const lender = usePlatform();

/** The lender's server, whose socket only the lender's control may use, on a port of the loopback address. */
async function listenFor(socketPath: string): Promise<number> {
  const server = net.createServer((client) => {
    const upstream = net.connect(socketPath);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as net.AddressInfo).port;
}

it('with DATABASE_URL the platform uses that server and starts none', async () => {
  const database = await createEmptyDatabase(lender());
  const { rows } = await database.query<{ name: string }>('SELECT current_database() AS name');
  const folder = new URL(databaseUrl(lender(), 'x')).searchParams.get('host');
  const port = await listenFor(`${folder}/.s.PGSQL.5432`);
  await using platform = await startPlatform({
    env: { DATABASE_URL: `postgresql://gitfn@127.0.0.1:${port}/${rows[0]?.name}` },
  });
  expect(existsSync(join(platform.dataDir, 'postgres/cluster'))).toBe(false);
  const repository = await createRepository(platform, 'lent');
  await repository.commit({ 'index.js': 'export const handler = async () => "lent";' });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  expect((await ask(platform, 'lent')).body).toBe('lent');
  const apps = await database.query('SELECT name FROM apps');
  expect(apps.rows).toEqual([{ name: 'lent' }]);
});

it('a database of a newer schema is refused, and says what to do', async () => {
  const database = await createDatabase(lender());
  await database.query(
    "INSERT INTO schema_migrations (name, sha256) VALUES ('9999_future.sql', '')",
  );
  const { rows } = await database.query<{ name: string }>('SELECT current_database() AS name');
  const folder = new URL(databaseUrl(lender(), 'x')).searchParams.get('host');
  const port = await listenFor(`${folder}/.s.PGSQL.5432`);
  const dataDir = await mkdtemp(join(tmpdir(), 'gitfn-newer-'));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  const { child, output } = spawnServer({
    env: {
      PORT: '0',
      FN_DATA_DIR: dataDir,
      DATABASE_URL: `postgresql://gitfn@127.0.0.1:${port}/${rows[0]?.name}`,
    },
  });
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(1);
  expect(output()).toContain('9999_future.sql');
  expect(output()).toContain('start the version of gitfn that last used this database');
});
