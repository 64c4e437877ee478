import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

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
  const repository = await createRepository(platform(), 'workspaces');
  await repository.commit(FILES);
  const first = await repository.push('main');
  expect(first.code, first.output).toBe(0);
  expect((await ask(platform(), 'workspaces')).body).toBe('one');
  await repository.commit({ 'packages/shared/source.js': "exports.text = 'two';\n" });
  const second = await repository.push('main');
  expect(second.output).toContain('Dependencies as before, from the cache');
  expect(second.code, second.output).toBe(0);
  expect((await ask(platform(), 'workspaces')).body).toBe('two');
});
