import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { usePlatform } from '../support/use-platform.ts';
import { createRepository } from '../support/repository.ts';

const platform = usePlatform();

const greeting = (text: string): string =>
  `export const handler = async () => ({ statusCode: 200, body: ${JSON.stringify(text)} });\n`;

describe('a push', () => {
  it('makes a new app live and prints its URL', async () => {
    const repository = await createRepository(platform(), 'first');
    const sha = await repository.commit({ 'index.ts': greeting('one') });
    const pushed = await repository.push('main');
    expect(pushed).toMatchObject({ code: 0 });
    expect(pushed.output).toContain(`http://first.localhost:${platform().port}`);
    expect(pushed.output).toMatch(/remote: -----> Building first at [0-9a-f]{7}/);
    const answer = await ask(platform(), 'first');
    expect(answer).toMatchObject({ status: 200, body: 'one' });
    expect(answer.headers).toMatchObject({ 'x-fn-commit': sha, 'x-fn-version': 'v1' });
    expect(answer.headers['x-request-id']).toMatch(/./);
  });

  it('replaces what was live, and keeps each commit at its own URL', async () => {
    const repository = await createRepository(platform(), 'second');
    const first = await repository.commit({ 'index.ts': greeting('one') });
    await repository.push('main');
    const second = await repository.commit({ 'index.ts': greeting('two') });
    await repository.push('main');
    expect((await ask(platform(), 'second')).body).toBe('two');
    expect((await ask(platform(), `${first.slice(0, 12)}--second`)).body).toBe('one');
    expect((await ask(platform(), `${second.slice(0, 7)}--second`)).body).toBe('two');
    expect((await ask(platform(), `${'0'.repeat(12)}--second`)).body).toContain('fn deploy');
  });

  it('bundles the files that the entry imports', async () => {
    const repository = await createRepository(platform(), 'files');
    await repository.commit({
      'index.ts':
        "import { name } from './lib/name.ts';\nimport data from './data.json';\n" +
        'export default () => new Response(`${name} ${data.answer}`);\n',
      'lib/name.ts': "export const name: string = 'imported';\n",
      'data.json': '{ "answer": 42 }',
    });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    expect(await ask(platform(), 'files')).toMatchObject({ status: 200, body: 'imported 42' });
  });

  it.each([
    ['syntax', 'export const handler = async () => ({ ;\n', /index\.ts:1:\d+/],
    ['import', "import x from './missing.ts';\nexport const handler = x;\n", /index\.ts:1:\d+/],
    [
      'throws',
      "export const handler = () => 1;\nthrow new Error('at import');\n",
      /index\.ts:2:\d+/,
    ],
    ['nohandler', 'export const answer = 42;\n', /No handler found in index\.ts/],
    ['spins', 'export const handler = () => 1;\nfor (;;);\n', /does not finish loading/],
  ])('that is broken (%s) is rejected and changes nothing', async (name, code, message) => {
    const repository = await createRepository(platform(), `broken-${name}`);
    const good = await repository.commit({ 'index.ts': greeting('good') });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    await repository.commit({ 'index.ts': code });
    const pushed = await repository.push('main');
    expect(pushed.code).toBe(1);
    expect(pushed.output).toMatch(message);
    expect(pushed.output).toContain('pre-receive hook declined');
    const remote = await repository.git('ls-remote', 'fn', 'refs/heads/main');
    expect(remote.output).toContain(good);
    expect((await ask(platform(), `broken-${name}`)).body).toBe('good');
  });

  it('of a first commit that is broken leaves an app that the next push completes', async () => {
    const repository = await createRepository(platform(), 'retry');
    await repository.commit({ 'index.ts': 'export const handler = (;\n' });
    expect((await repository.push('main')).code).toBe(1);
    expect((await ask(platform(), 'retry')).status).toBe(404);
    await repository.commit({ 'index.ts': greeting('mended') });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'retry')).body).toBe('mended');
  });

  it('of several refs is rejected whole when one is broken', async () => {
    const repository = await createRepository(platform(), 'several');
    await repository.commit({ 'index.ts': greeting('main') });
    await repository.git('checkout', '-q', '-b', 'bad');
    await repository.commit({ 'index.ts': 'export const handler = (;\n' });
    expect((await repository.push('main', 'bad')).code).toBe(1);
    expect((await repository.git('ls-remote', 'fn', 'refs/heads/*')).output.trim()).toBe('');
    expect((await ask(platform(), 'several')).status).toBe(404);
  });

  it('can be cloned and fetched back, with what is live as refs', async () => {
    const repository = await createRepository(platform(), 'fetched');
    const sha = await repository.commit({ 'index.ts': greeting('here') });
    await repository.push('main');
    expect(await repository.git('fetch', 'fn')).toMatchObject({ code: 0 });
    const live = await repository.git('rev-parse', 'fn/live/production');
    expect(live.output.trim()).toBe(sha);
    const url = platform().url.replace('://', `://any:${platform().adminToken}@`);
    const cloned = await repository.git('clone', '-q', `${url}/fetched.git`, '../copy');
    expect(cloned).toEqual({ code: 0, output: '' });
    const file = join(repository.folder, '../copy/index.ts');
    expect(await readFile(file, 'utf8')).toBe(greeting('here'));
  });
});
