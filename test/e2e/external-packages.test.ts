import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { lock } from '../support/lockfiles.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { createRepository } from '../support/repository.ts';

/** Packages that fn.json keeps outside the code. */
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

const HANDLER = `import whole, { named } from 'modern';
import { version } from 'dual';
import { inner } from 'nesting';
export const handler = async () => {
  const late = await import('modern');
  return { statusCode: 200, body: { named, whole, late: late.named, isOne: late.default === whole, version, inner } };
};
`;

describe('build.external', () => {
  it('keeps ES modules and two versions of one package apart, and as they are', async () => {
    await registry.publish({
      name: 'modern',
      version: '1.0.0',
      files: { 'index.js': "export const named = 'named';\nexport default ['whole'];\n" },
      fields: { type: 'module', exports: './index.js' },
    });
    for (const version of ['1.0.0', '2.0.0']) {
      const files = { 'index.js': `exports.version = '${version}';` };
      await registry.publish({ name: 'dual', version, files });
    }
    await registry.publish({
      name: 'nesting',
      version: '1.0.0',
      files: { 'index.js': "exports.inner = require('dual').version;" },
      fields: { dependencies: { dual: '2.0.0' } },
    });
    const dependencies = { modern: '1.0.0', dual: '1.0.0', nesting: '1.0.0' };
    const content = JSON.stringify({ name: 'demo', version: '1.0.0', dependencies });
    const repository = await createRepository(platform, 'outside');
    await repository.commit({
      ...(await lock('npm', registry.url, { 'package.json': content })),
      'fn.json': JSON.stringify({ build: { external: Object.keys(dependencies) } }),
      'index.ts': HANDLER,
    });
    const { code, output } = await repository.push('main');
    expect(code, output).toBe(0);
    expect(output).toMatch(/Beside the code: .*dual.*modern|Beside the code: .*modern.*dual/);
    const body = { named: 'named', whole: ['whole'], late: 'named', isOne: true };
    expect(JSON.parse((await ask(platform, 'outside')).body)).toEqual({
      ...body,
      version: '1.0.0',
      inner: '2.0.0',
    });
  });
});
