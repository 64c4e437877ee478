import { once } from 'node:events';
import net from 'node:net';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ask } from '../support/ask.ts';
import type { Database } from '../../src/store/database.ts';
import { createDatabase, createEmptyDatabase, urlOfDatabase } from '../support/database.ts';
import { spawnServer, startPlatform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';

/** A URL of the database by way of a port of the loopback address, as somebody else's server has it. */
async function lend(database: Database): Promise<string> {
  const url = new URL(await urlOfDatabase(database));
  const port = await listenFor(`${url.searchParams.get('host')}/.s.PGSQL.5432`);
  return `postgresql://gitfn@127.0.0.1:${port}${url.pathname}`;
}

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
  const database = await createEmptyDatabase();
  await using platform = await startPlatform({
    env: { DATABASE_URL: await lend(database) },
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
  const database = await createDatabase();
  await database.query(
    "INSERT INTO schema_migrations (name, sha256) VALUES ('9999_future.sql', '')",
  );
  const dataDir = await mkdtemp(join(tmpdir(), 'gitfn-newer-'));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  const { child, output } = spawnServer({
    env: {
      PORT: '0',
      FN_DATA_DIR: dataDir,
      DATABASE_URL: await lend(database),
    },
  });
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(1);
  expect(output()).toContain('9999_future.sql');
  expect(output()).toContain('start the version of gitfn that last used this database');
});
