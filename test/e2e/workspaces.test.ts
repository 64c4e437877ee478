import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { lock } from '../support/lockfiles.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { createRepository } from '../support/repository.ts';

let registry: TestRegistry;
let platform: Platform;
beforeAll(async () => {
  registry = await startRegistry();
  platform = await startPlatform({ env: { FN_NPM_REGISTRY: registry.url } });
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  registry.close();
});

const FILES = {
  'package.json': JSON.stringify({ name: 'demo', version: '1.0.0', workspaces: ['packages/*'] }),
  'package-lock.json': JSON.stringify({
    name: 'demo',
    version: '1.0.0',
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { name: 'demo', version: '1.0.0', workspaces: ['packages/*'] },
      'node_modules/@demo/shared': { resolved: 'packages/shared', link: true },
      'packages/shared': { name: '@demo/shared', version: '1.0.0', hasInstallScript: true },
    },
  }),
  'packages/shared/package.json': JSON.stringify({
    name: '@demo/shared',
    version: '1.0.0',
    main: 'dist/index.js',
    scripts: { prepare: 'mkdir -p dist && cp source.js dist/index.js' },
  }),
  'packages/shared/source.js': "exports.text = 'one';\n",
  'index.js':
    "import { text } from '@demo/shared';\nexport const handler = async () => ({ statusCode: 200, body: text });\n",
};

it('prepares workspaces in each build, also when their packages come out of the cache', async () => {
  const repository = await createRepository(platform, 'workspaces');
  await repository.commit(FILES);
  const first = await repository.push('main');
  expect(first.code, first.output).toBe(0);
  expect((await ask(platform, 'workspaces')).body).toBe('one');
  await repository.commit({ 'packages/shared/source.js': "exports.text = 'two';\n" });
  const second = await repository.push('main');
  expect(second.output).toContain('Dependencies as before, from the cache');
  expect(second.code, second.output).toBe(0);
  expect((await ask(platform, 'workspaces')).body).toBe('two');
});

it.each(['npm', 'pnpm', 'yarn 1', 'yarn 4'] as const)(
  'builds one of its folders with packages by the lockfile of %s at its root',
  async (client) => {
    await registry.publish({
      name: 'greeting',
      version: '1.0.0',
      files: { 'index.js': "exports.text = 'hello';" },
    });
    const file = 'apps/web/package.json';
    const workspace = { name: 'web', version: '1.0.0', dependencies: { greeting: '1.0.0' } };
    const locked = await lock(client, registry.url, {
      'package.json': JSON.stringify({ name: 'all', private: true, workspaces: ['apps/*'] }),
      [file]: JSON.stringify(workspace),
      ...(client === 'pnpm' && { 'pnpm-workspace.yaml': 'packages: ["apps/*"]\n' }),
    });
    const app = `folder-${client.replace(' ', '-')}`;
    const repository = await createRepository(platform, app);
    const code = (suffix: string): string =>
      `import { text } from 'greeting';\nexport const handler = async () => text + '${suffix}';\n`;
    await repository.commit({
      ...locked,
      'fn.json': '{ "rootDirectory": "apps/web" }',
      'apps/web/index.js': code('!'),
    });
    const first = await repository.push('main');
    expect(first.code, first.output).toBe(0);
    expect((await ask(platform, app)).body).toBe('hello!');
    await repository.commit({ 'apps/web/index.js': code('?') });
    const second = await repository.push('main');
    expect(second.output).toContain('Dependencies as before, from the cache');
    expect(second.code, second.output).toBe(0);
    expect((await ask(platform, app)).body).toBe('hello?');
  },
);
