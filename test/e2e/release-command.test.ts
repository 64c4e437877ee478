import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { eventually } from '../support/eventually.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { startPush } from '../support/running-push.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();
const RAN = 'Running the release command';

const answering = (text: string): string => `export default () => new Response('${text}');\n`;

const body = async (app: string): Promise<string> => (await ask(platform(), app)).body;

/** An app that serves "first" without a Procfile. */
async function liveApp(app: string): Promise<TestRepository> {
  const repository = await createRepository(platform(), app);
  await repository.commit({ 'index.ts': answering('first') });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  return repository;
}

/** The next version, with that migration. */
function withMigration(
  migration: string,
  line = 'node scripts/migrate.ts --all',
): Record<string, string> {
  return {
    'index.ts': answering('second'),
    Procfile: `release: ${line}\n`,
    'scripts/migrate.ts': migration,
  };
}

async function setSecret(app: string, name: string, value: string): Promise<void> {
  const change = { set: [{ name, value, kind: 'secret' }] };
  const path = `/apps/${app}/environment`;
  const answer = await callControl(platform(), path, { method: 'PATCH', body: change });
  expect(answer).toMatchObject({ status: 200 });
}

describe('a release command', () => {
  it('runs before a push to production goes live, with its environment, and shows its output', async () => {
    const repository = await liveApp('migrates');
    await setSecret('migrates', 'DATABASE_URL', 'postgres://correct-horse@db/app');
    await repository.commit(
      withMigration(`import { readFileSync } from 'node:fs';
        const answer: string = await (await Promise.resolve('ready'));
        console.log('to', process.env.DATABASE_URL, process.env.FN_ENV, process.argv.slice(2).join());
        console.log(answer, typeof readFileSync);\n`),
    );
    const pushed = await repository.push('main');
    expect(pushed).toMatchObject({ code: 0 });
    expect(pushed.output).toContain(`-----> ${RAN}: scripts/migrate.ts --all`);
    expect(pushed.output).toContain('remote:        to [redacted DATABASE_URL] production --all');
    expect(pushed.output).toContain('remote:        ready function');
    expect(pushed.output).not.toContain('correct-horse');
    expect(pushed.output.indexOf(RAN)).toBeLessThan(pushed.output.indexOf('-----> Live'));
    expect(await body('migrates')).toBe('second');
  });

  it('runs for production alone: not for previews, the same commit elsewhere, values or rollbacks', async () => {
    const repository = await liveApp('once');
    await repository.commit(withMigration("console.log('migrated');\n"));
    expect((await repository.push('main:topic')).output).not.toContain(RAN);
    const pushed = await repository.push('main');
    expect(pushed.output).toContain(RAN);
    expect((await repository.push('main:other')).output).not.toContain(RAN);
    expect((await repository.fn('env', 'set', 'A=1')).output).not.toContain(RAN);
    expect(await repository.fn('rollback', 'v1')).toMatchObject({ code: 0 });
    const log = await callControl(platform(), '/apps/once/logs');
    expect(log.body).not.toContain('migrated');
    expect((await repository.push('main')).output).not.toContain(RAN);
  });

  it.each([
    ['exits', 'process.exit(3);\n', ['ended with exit status 3']],
    [
      'throws',
      "function migrate(): never {\n  throw new TypeError('no such table');\n}\nmigrate();\n",
      ['throws: TypeError: no such table', 'scripts/migrate.ts:2'],
    ],
    ['crashes', 'process.abort();\n', ['ended with exit status 134 (SIGABRT)']],
    [
      'hogs',
      'const all: unknown[] = [];\nfor (;;) all.push(Buffer.alloc(8e6, 1), new Array(1e6).fill(0));\n',
      ['ran out of memory (limit 256 MB)', 'fn.json'],
    ],
  ])('that %s rejects the push, and what was live serves on', async (app, migration, told) => {
    const repository = await liveApp(app);
    const before = await repository.git('ls-remote', 'fn', 'refs/heads/main');
    await repository.commit(withMigration(migration));
    const pushed = await repository.push('main');
    expect(pushed.code).not.toBe(0);
    for (const text of told) expect(pushed.output).toContain(text);
    expect(await repository.git('ls-remote', 'fn', 'refs/heads/main')).toEqual(before);
    expect(await body(app)).toBe('first');
    await repository.commit({ 'scripts/migrate.ts': "console.log('mended');\n" });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    expect(await body(app)).toBe('second');
  });

  it('goes on when its pusher presses Ctrl-C: fn attach shows it to its end', async () => {
    const repository = await liveApp('left');
    await repository.commit(
      withMigration(
        "console.log('migrating');\nawait new Promise((resolve) => setTimeout(resolve, 3000));\nconsole.log('migrated');\n",
      ),
    );
    const push = await startPush(repository, 'main');
    await eventually(() => push.output().includes('       migrating'), 30_000);
    await push.interrupt();
    expect(push.output()).not.toContain('Live:');
    const attached = await repository.fn('attach');
    expect(attached.code, attached.output).toBe(0);
    expect(attached.output.match(/^ {7}migrat(ing|ed)$/gm)).toHaveLength(2);
    expect(attached.output).toContain('-----> Live: production v2 of left');
    expect(await body('left')).toBe('second');
  });

  it('that hangs is ended by fn cancel, also after Ctrl-C', async () => {
    const repository = await liveApp('left-hanging');
    const before = await repository.git('ls-remote', 'fn', 'refs/heads/main');
    await repository.commit(
      withMigration("console.log('migrating');\nsetInterval(() => {}, 1000);\n"),
    );
    const push = await startPush(repository, 'main');
    await eventually(() => push.output().includes('       migrating'), 30_000);
    await push.interrupt();
    expect(await repository.fn('cancel')).toMatchObject({ code: 0 });
    const attached = await repository.fn('attach');
    expect(attached.code).not.toBe(0);
    expect(attached.output).toContain('cancelled by');
    expect(await repository.git('ls-remote', 'fn', 'refs/heads/main')).toEqual(before);
    expect(await body('left-hanging')).toBe('first');
  });

  it('that hangs is ended by fn cancel, and the old version serves meanwhile', async () => {
    const repository = await liveApp('hangs');
    await repository.commit(
      withMigration("console.log('migrating');\nsetInterval(() => {}, 1000);\n"),
    );
    const push = await startPush(repository, 'main');
    await eventually(() => push.output().includes('       migrating'), 30_000);
    expect(await body('hangs')).toBe('first');
    expect(await repository.fn('cancel')).toMatchObject({ code: 0 });
    expect(await push.ended).not.toBe(0);
    expect(push.output()).toContain('cancelled by');
    expect(await body('hangs')).toBe('first');
  });
});
