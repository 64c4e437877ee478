import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { lock } from '../support/lockfiles.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';

/** Functions of an app with packages, one of which is changed by each push. */
let registry: TestRegistry;
let platform: Platform;
beforeAll(async () => {
  registry = await startRegistry();
  platform = await startPlatform({ env: { FN_NPM_REGISTRY: registry.url } });
  const table = {
    'index.js': "exports.word = require('./table.js');",
    'table.js': "module.exports = 'one';",
  };
  await registry.publish({ name: 'outside', version: '1.0.0', files: table });
  await registry.publish({
    name: 'inside',
    version: '1.0.0',
    files: { 'index.js': "exports.word = 'in';" },
  });
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  registry.close();
});

const functionOf = (name: string, count: number): string => `import { word } from '${name}';
export const handler = async () => ({ statusCode: 200, body: { word, count: ${count} } });
`;

async function createApp(name: string, fields: object): Promise<TestRepository> {
  const repository = await createRepository(platform, name);
  const dependencies = { outside: '1.0.0', inside: '1.0.0' };
  const content = JSON.stringify({ name, version: '1.0.0', dependencies, ...fields });
  await repository.commit({
    ...(await lock('npm', registry.url, { 'package.json': content })),
    'fn.json': JSON.stringify({ build: { external: ['outside'] } }),
    'functions/a.ts': functionOf('outside', 1),
    'functions/b.ts': functionOf('inside', 1),
    'functions/c.ts': functionOf('outside', 1),
  });
  return repository;
}

async function pushed(repository: TestRepository): Promise<string> {
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
  return output;
}

async function answerOf(app: string, name: string): Promise<unknown> {
  return JSON.parse((await ask(platform, app, { path: `/${name}` })).body);
}

describe('a push that changes one function of an app with packages outside the code', () => {
  it('builds one, and ships to the others what they require', async () => {
    const repository = await createApp('several', {});
    await pushed(repository);
    await repository.commit({ 'functions/b.ts': functionOf('inside', 2) });
    const second = await pushed(repository);
    expect(second).toContain('Built 1 of 3 functions (2 unchanged)');
    expect(second).toContain('Beside the code: outside (3 files');
    expect(await answerOf('several', 'a')).toEqual({ word: 'one', count: 1 });
    expect(await answerOf('several', 'b')).toEqual({ word: 'in', count: 2 });
    await repository.commit({ 'functions/c.ts': functionOf('outside', 3) });
    expect(await pushed(repository)).toContain('Built 1 of 3 functions (2 unchanged)');
    expect(await answerOf('several', 'c')).toEqual({ word: 'one', count: 3 });
    expect(await answerOf('several', 'a')).toEqual({ word: 'one', count: 1 });
  });

  it('sees what the project’s own scripts have made of the packages', async () => {
    const patch = (word: string) => `module.exports = '${word}';`;
    // Where the lockfile is made, there are no texts.
    const copy = [
      'test ! -f outside.txt',
      '{ cp outside.txt node_modules/outside/table.js && cp inside.txt node_modules/inside/index.js; }',
    ].join(' || ');
    const repository = await createApp('patching', { scripts: { postinstall: copy } });
    const texts = (word: string) => ({
      'outside.txt': patch(word),
      'inside.txt': `exports.word = '${word}';`,
    });
    await repository.commit(texts('first'));
    await pushed(repository);
    expect(await answerOf('patching', 'b')).toEqual({ word: 'first', count: 1 });
    await repository.commit(texts('second'));
    await pushed(repository);
    expect(await answerOf('patching', 'a')).toEqual({ word: 'second', count: 1 });
    expect(await answerOf('patching', 'b')).toEqual({ word: 'second', count: 1 });
  });
});
