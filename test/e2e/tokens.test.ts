import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();
const HELLO = { 'index.js': 'export const handler = async () => "hello";' };

interface Token {
  id: string;
  token: string;
}

async function createToken(by: TestRepository, ...options: string[]): Promise<Token> {
  const { code, output } = await by.fn('tokens', 'create', 'test', ...options, '--json');
  expect(code, output).toBe(0);
  return JSON.parse(output) as Token;
}

/** Pushes with a token in the URL, so that no credential helper has a say. */
function pushWith(repository: TestRepository, { token }: Token, app: string) {
  const url = `${platform().url.replace('://', `://any:${token}@`)}/${app}.git`;
  return repository.git('push', url, 'main');
}

it('a token pushes what its role and its apps allow, until it is revoked', async () => {
  const mine = await createRepository(platform(), 'mine');
  await mine.commit(HELLO);
  expect(await mine.push('main')).toMatchObject({ code: 0 });
  const theirs = await createRepository(platform(), 'theirs');
  await theirs.commit(HELLO);
  expect(await theirs.push('main')).toMatchObject({ code: 0 });

  const reader = await createToken(mine, '--role', 'viewer');
  await mine.commit({ 'index.js': 'export const handler = async () => "changed";' });
  const refused = await pushWith(mine, reader, 'mine');
  expect(refused.code).toBe(128);
  expect(refused.output).toMatch(/403|may not push/);

  const confined = await createToken(mine, '--role', 'deployer', '--app', 'mine');
  const foreign = await pushWith(mine, confined, 'theirs');
  const missing = await pushWith(mine, confined, 'nobodys');
  expect(foreign.code).toBe(128);
  expect(foreign.output.replaceAll('theirs', 'X')).toBe(missing.output.replaceAll('nobodys', 'X'));
  expect((await ask(platform(), 'theirs')).body).toBe('hello');
  expect(await pushWith(mine, confined, 'mine')).toMatchObject({ code: 0 });
  expect((await ask(platform(), 'mine')).body).toBe('changed');

  const deploy = (app: string, { token }: Token) =>
    mine.git('-c', `alias.x=!FN_TOKEN=${token} ${process.cwd()}/bin/fn deploy --app ${app}`, 'x');
  const hidden = await deploy('theirs', confined);
  expect(hidden).toMatchObject({
    code: 3,
    output: expect.stringMatching(/there is no app "theirs" that [^]+may create none\n[^]+fn apps/),
  });
  const unknown = await deploy('nobodys', confined);
  expect(hidden.output.replaceAll('theirs', 'X')).toBe(unknown.output.replaceAll('nobodys', 'X'));
  expect(await deploy('mine', reader)).toMatchObject({
    code: 3,
    output: expect.stringContaining('the role viewer, which may not deploy'),
  });

  expect(await mine.fn('tokens', 'revoke', confined.id)).toMatchObject({ code: 0 });
  await mine.commit({ 'index.js': 'export const handler = async () => "again";' });
  expect((await pushWith(mine, confined, 'mine')).code).toBe(128);
  expect((await ask(platform(), 'mine')).body).toBe('changed');
});
