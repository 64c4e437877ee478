import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();
const TELLER = `export default (request) =>
  new Response(process.env[new URL(request.url).pathname.slice(1)] ?? 'unset');
`;
let repository: TestRepository;

beforeAll(async () => {
  repository = await createRepository(platform(), 'commands');
  await repository.commit({ 'index.ts': TELLER });
  await repository.push('main');
});

async function told(name: string): Promise<string> {
  return (await ask(platform(), 'commands', { path: `/${name}` })).body;
}

const file = (name: string): string => join(repository.folder, name);

describe('fn env', () => {
  it('sets values from words and files, imports a .env file and writes one back', async () => {
    await writeFile(file('certificate'), 'first\nsecond\n');
    const set = await repository.fn('env', 'set', 'A=one', 'CERTIFICATE=@certificate');
    expect(set).toMatchObject({ code: 0, output: expect.stringContaining('without a build') });
    expect(await told('CERTIFICATE')).toBe('first\nsecond');
    await writeFile(file('.env'), 'export A="one"\nB="two # 2"\nC_TOKEN=three\n');
    const imported = await repository.fn('env', 'import');
    expect(imported).toMatchObject({ code: 0, output: expect.stringContaining('1 as before') });
    expect(await told('B')).toBe('two # 2');
    expect(await repository.fn('env', 'pull')).toMatchObject({ code: 8 });
    expect(await repository.fn('env', 'pull', '--force')).toMatchObject({ code: 0 });
    const pulled = await readFile(file('.env'), 'utf8');
    expect(pulled).toContain('A=one\n');
    expect(pulled).toContain('# C_TOKEN=');
    expect(pulled).not.toContain('three');
    const unset = await repository.fn('env', 'unset', 'A', 'B', '--json');
    expect(JSON.parse(unset.output)).toMatchObject({ unset: [{ name: 'A' }, { name: 'B' }] });
    expect(await told('A')).toBe('unset');
    const versions = await repository.fn('env', 'list', '--versions');
    expect(versions.output).toContain('-A (all)');
    const before = await repository.fn('env', 'list', '--at', '1', '--json');
    expect(JSON.parse(before.output)).toMatchObject({ items: [{ name: 'A', value: 'one' }, {}] });
  });

  it('keeps a URL with a password as a secret and says so, unless --plain insists', async () => {
    const url = 'DATABASE_URL=postgres://user:hidden-pw@db.internal/app';
    const set = await repository.fn('env', 'set', url);
    expect(set.output).toContain('DATABASE_URL (secret, all)');
    expect(set.output).toContain('a URL with a password (--plain keeps it readable)');
    expect((await repository.fn('env', 'list')).output).not.toContain('hidden-pw');
    const plain = await repository.fn('env', 'set', url, '--plain');
    expect(plain.output).toContain('DATABASE_URL (plain, all)');
    expect(plain.output).not.toContain('keeps it readable');
    expect((await repository.fn('env', 'list')).output).toContain('hidden-pw');
    expect(await repository.fn('env', 'unset', 'DATABASE_URL')).toMatchObject({ code: 0 });
  });

  it.each([
    [['set', 'PATH=/x'], 'reserved'],
    [['set', 'GOOD=x', 'LD_PRELOAD=x'], 'reserved'],
    [['set', 'nonsense'], 'NAME=value'],
    [['set', '1A=x'], 'is no name'],
    [['set', 'A=x', '--scope', 'everywhere'], 'branch:NAME'],
    [['set', 'A=x', '--scope', 'branch:main'], 'production branch'],
    [['set', 'BIG=@big'], 'bytes'],
    [['set', 'ODD=@odd'], 'UTF-8'],
    [['unset', 'NEVER_SET'], 'is not set'],
    [['import', 'odd'], 'UTF-8'],
  ])('refuses %j, says why and changes nothing', async (words, why) => {
    await writeFile(file('big'), 'x'.repeat(1_000_000));
    await writeFile(file('odd'), Buffer.from([0x41, 0x3d, 0xff, 0xfe]));
    const path = '/apps/commands/environment';
    const before = await callControl(platform(), path);
    const refused = await repository.fn('env', ...words);
    expect(refused).toMatchObject({ code: 2, output: expect.stringContaining(why) });
    expect((await callControl(platform(), path)).body).toBe(before.body);
  });

  it('exits with 5 when production does not start with a change, which is kept', async () => {
    const picky = await createRepository(platform(), 'picky');
    const code = `if (process.env.MODE === 'bad') throw new Error('no such mode');\n${TELLER}`;
    await picky.commit({ 'index.ts': code });
    await picky.push('main');
    const refused = await picky.fn('env', 'set', 'MODE=bad');
    expect(refused).toMatchObject({ code: 5, output: expect.stringContaining('no such mode') });
    expect((await ask(platform(), 'picky', { path: '/MODE' })).body).toBe('unset');
    expect((await picky.fn('env', 'list')).output).toContain('bad');
  });

  it('lets a token that may only read see names', async () => {
    await repository.fn('env', 'set', 'SHOWN=value');
    const body = { name: 'reader', role: 'viewer' };
    const created = await callControl(platform(), '/tokens', { method: 'POST', body });
    const { token } = JSON.parse(created.body) as { token: string };
    const path = '/apps/commands/environment';
    const listed = await callControl(platform(), path, { token });
    expect(listed.body).toContain('"SHOWN"');
    expect(listed.body).not.toContain('"value":"value"');
    const patch = { set: [{ name: 'SHOWN', value: 'other' }] };
    const refused = await callControl(platform(), path, { method: 'PATCH', token, body: patch });
    expect(refused.status).toBe(403);
  });
});

describe('a rollback', () => {
  it('runs with the environment of now, or with that of then when it is asked for', async () => {
    const app = await createRepository(platform(), 'back');
    await app.commit({ 'index.ts': TELLER });
    await app.push('main');
    await app.fn('env', 'set', 'AGE=old');
    await app.commit({ 'index.ts': `${TELLER}// newer\n` });
    await app.push('main');
    await app.fn('env', 'set', 'AGE=new');
    const age = async () => (await ask(platform(), 'back', { path: '/AGE' })).body;
    expect(await app.fn('rollback', 'v2')).toMatchObject({ code: 0 });
    expect(await age()).toBe('new');
    const restored = await app.fn('rollback', 'v2', '--with-env', '--json');
    expect(JSON.parse(restored.output)).toMatchObject({ environmentVersion: 3 });
    expect(await age()).toBe('old');
    expect((await app.fn('env', 'list', '--versions')).output).toContain('as in version 1');
  });
});
