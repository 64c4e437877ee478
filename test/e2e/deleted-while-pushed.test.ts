import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { databaseUrl } from '../support/database-url.ts';
import { eventually } from '../support/eventually.ts';
import { listen } from '../support/listen.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();
/** As long as nobody ends it, longer than a test waits. */
const LONG_S = 250;
const LARGE_BYTES = 6 * 1024 * 1024;
/** What of a large push comes through before it is held. */
const HELD_AT_BYTES = 2 * 1024 * 1024;

let database: Database;
beforeAll(() => {
  database = openDatabase(databaseUrl(platform(), 'postgres'), () => {});
});
afterAll(() => database.close());

const answering = (text: string): Record<string, string> => ({
  'index.ts': `export default () => new Response('${text}');\n`,
});

interface Phase {
  files: Record<string, string>;
  /** What the push runs through instead of the server itself. */
  through?: (passed: () => void) => Promise<Way>;
  /** By what the push has printed. */
  isThere: (printed: string) => boolean;
}

const PHASES: Record<string, Phase> = {
  receiving: {
    files: { 'large.bin': randomBytes(LARGE_BYTES).toString('latin1') },
    through: holdBack,
    isThere: () => false,
  },
  building: {
    files: { 'fn.json': `{ "build": { "command": "sleep ${LONG_S}" } }` },
    isThere: (printed) => printed.includes(`Running sleep ${LONG_S}`),
  },
  starting: {
    files: { 'index.ts': `await new Promise((done) => setTimeout(done, ${LONG_S}_000));\n` },
    isThere: (printed) => printed.includes('Built in'),
  },
  releasing: {
    files: {
      Procfile: 'release: node scripts/wait.js\n',
      'scripts/wait.js': `setTimeout(() => {}, ${LONG_S}_000); console.log('waits');\n`,
    },
    isThere: (printed) => printed.includes('Running the release command'),
  },
};

/** A way to the server on which what is sent up stops after a while, until it is let go. */
async function holdBack(passed: () => void): Promise<Way> {
  const held: net.Socket[] = [];
  const way = net.createServer((socket) => {
    const upstream = net.connect(platform().port, '127.0.0.1');
    let sent = 0;
    socket.on('data', (chunk: Buffer) => {
      upstream.write(chunk);
      sent += chunk.length;
      if (sent - chunk.length >= HELD_AT_BYTES || sent < HELD_AT_BYTES) return;
      socket.pause();
      held.push(socket);
      passed();
    });
    upstream.pipe(socket);
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  onTestFinished(() => void way.close());
  return { port: await listen(way), letGo: () => held.forEach((socket) => socket.resume()) };
}

interface Way {
  port: number;
  letGo: () => void;
}

interface Running {
  printed: () => string;
  ended: Promise<number | null>;
}

function startPush(repository: TestRepository, port: number): Running {
  const url = new URL(`http://x@localhost:${port}/${APP}.git`);
  url.password = platform().adminToken;
  const child = spawn('git', ['push', url.href, 'main'], {
    cwd: repository.folder,
    env: { PATH: process.env['PATH'], HOME: dirname(repository.folder), GIT_TERMINAL_PROMPT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { printed: () => printed, ended };
}

/** Tables with rows of the app, but the log of who did what. */
async function tablesOf(appId: string): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name = 'app_id' AND table_name <> 'audit_entries'`,
  );
  const counts = await Promise.all(
    rows.map(async ({ name }) => {
      const found = await database.query(`SELECT 1 FROM ${name} WHERE app_id = $1 LIMIT 1`, [
        appId,
      ]);
      return found.rowCount === 0 ? [] : [name];
    }),
  );
  const app = await database.query('SELECT 1 FROM apps WHERE id = $1', [appId]);
  return [...counts.flat(), ...(app.rowCount === 0 ? [] : ['apps'])];
}

/** Names of all that lies in the folders of repositories, bundles and sealed environments. */
async function filesOf(): Promise<string[]> {
  const folders = ['repositories', 'store/bundles', 'sealed'];
  const found = folders.map((folder) =>
    readdir(join(platform().dataDir, folder), { recursive: true }),
  );
  return (await Promise.all(found)).flat().sort();
}

const APP = 'going';

async function json<T>(path: string): Promise<T> {
  return JSON.parse((await callControl(platform(), path)).body) as T;
}

/** Its paths as an app and as its function. */
async function pathsOf(): Promise<{ appId: string; paths: Record<string, string> }> {
  const { rows } = await database.query<{ id: string }>('SELECT id FROM apps WHERE name = $1', [
    APP,
  ]);
  const { items } = await json<{ items: { id: string; app: string }[] }>('/functions');
  const own = items.find(({ app }) => app === APP)?.id ?? '';
  return {
    appId: rows[0]?.id ?? '',
    paths: { app: `/apps/${APP}`, function: `/functions/${own}` },
  };
}

afterEach(async () => {
  await callControl(platform(), `/apps/${APP}`, { method: 'DELETE' });
});

describe.each(['app', 'function'])('the %s deleted during a push', (what) => {
  it.each(Object.keys(PHASES))(
    '%s: both are answered, nothing is left, and its name is free',
    async (name) => {
      const phase = PHASES[name];
      if (phase === undefined) throw new Error('there is no such phase');
      const before = await filesOf();
      const repository = await createRepository(platform(), APP);
      await repository.commit(answering('first'));
      expect(await repository.push('main')).toMatchObject({ code: 0 });
      const { appId, paths } = await pathsOf();
      await repository.commit({ ...answering('second'), ...phase.files });
      let hasPassed = false;
      const way = await phase.through?.(() => (hasPassed = true));
      const push = startPush(repository, way?.port ?? platform().port);
      await eventually(async () => {
        expect(hasPassed || phase.isThere(push.printed()), push.printed()).toBe(true);
      });

      const deleted = await callControl(platform(), paths[what] ?? '', { method: 'DELETE' });
      expect([deleted.status, deleted.body]).toEqual([204, '']);
      expect((await ask(platform(), APP)).status).toBe(404);
      expect((await callControl(platform(), `/apps/${APP}`)).status).toBe(404);
      way?.letGo();
      const code = await Promise.race([push.ended, later('the push was not answered')]);
      expect(code, push.printed()).not.toBe(0);
      await eventually(async () => {
        expect(await tablesOf(appId)).toEqual([]);
        expect(await filesOf()).toEqual(before);
      });

      expect(await repository.push('main~1:refs/heads/main')).toMatchObject({ code: 0 });
      expect((await ask(platform(), APP)).body).toBe('first');
      expect((await callControl(platform(), `/apps/${APP}`, { method: 'DELETE' })).status).toBe(
        204,
      );
    },
  );
});

const ANSWER_MS = 30_000;

function later(reason: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(reason)), ANSWER_MS);
    onTestFinished(() => clearTimeout(timer));
  });
}
