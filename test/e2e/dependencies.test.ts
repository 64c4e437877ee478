import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ask } from '../support/ask.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { createRepository } from '../support/repository.ts';

/** What a repository's dependencies may do to a build, and to whoever pushes. */
let registry: TestRegistry;
let platform: Platform;
beforeAll(async () => {
  registry = await startRegistry();
  platform = await startPlatform({ env: { FN_NPM_REGISTRY: registry.url } });
  const files = { 'index.js': ADDER, 'types.d.ts': 'export const kind = "declared";\n' };
  await registry.publish({ name: 'adder', version: '1.0.0', files });
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  registry.close();
});

const ADDER = 'exports.add = (a, b) => a + b;\n';
const HANDLER = `import { add } from 'adder';\nexport const handler = async () => ({ statusCode: 200, body: { sum: add(1, 2) } });\n`;

/** Pushes these files as an app of their own. */
async function push(app: string, files: Record<string, string | null>) {
  const repository = await createRepository(platform, app);
  await repository.commit(files);
  return { repository, ...(await repository.push('main')) };
}

describe('a push with dependencies', () => {
  it('serves what they give, and asks the registry nothing when they are as before', async () => {
    const files = { ...registry.project({ adder: '1.0.0' }), 'index.ts': HANDLER };
    const { repository, code, output } = await push('cached', files);
    expect(output).toContain('Installing dependencies: npm ci');
    expect(code, output).toBe(0);
    expect(JSON.parse((await ask(platform, 'cached')).body)).toEqual({ sum: 3 });
    registry.requests.length = 0;
    await repository.commit({ 'index.ts': HANDLER.replace('1, 2', '2, 2') });
    const second = await repository.push('main');
    expect(second.output).toContain('Dependencies as before, from the cache, bundled already');
    expect(registry.requests).toEqual([]);
    expect(JSON.parse((await ask(platform, 'cached')).body)).toEqual({ sum: 4 });
  });

  it('gets private ones with a token, given as the refusal says', async () => {
    registry.token = 'correct-horse';
    onTestFinished(() => void (registry.token = null));
    const project = { ...registry.project({ adder: '1.0.0' }), 'index.ts': HANDLER };
    const { repository, code, output } = await push('private', project);
    expect(code, output).toBe(1);
    expect(output).toContain('_authToken=${NPM_TOKEN} in .npmrc');
    expect(output).toContain('fn env set NPM_TOKEN=- --build');
    const told = ['env', 'set', 'NPM_TOKEN=correct-horse', '--build'];
    expect(await repository.fn(...told)).toMatchObject({ code: 0 });
    const host = registry.url.replace('http:', '');
    await repository.commit({ '.npmrc': `${host}:_authToken=\${NPM_TOKEN}\n` });
    const second = await repository.push('main');
    expect(second.code, second.output).toBe(0);
    expect(JSON.parse((await ask(platform, 'private')).body)).toEqual({ sum: 3 });
  });

  it('has them at hand for the push that mends one whose code did not build', async () => {
    const files = { ...registry.project({ adder: '1.0.0' }), 'index.ts': 'export default (' };
    const { repository, code, output } = await push('mended', files);
    expect(output).toContain('Installing dependencies: npm ci');
    expect(code, output).toBe(1);
    registry.requests.length = 0;
    await repository.commit({ 'index.ts': HANDLER });
    const second = await repository.push('main');
    expect(second.output).toContain('Dependencies as before, from the cache');
    expect(second.code, second.output).toBe(0);
    expect(registry.requests).toEqual([]);
  });

  it('finds files of cached ones that imports seldom name', async () => {
    const files = { ...registry.project({ adder: '1.0.0' }), 'index.ts': HANDLER };
    const { repository } = await push('declared', files);
    const code = `import { kind } from 'adder/types.d.ts';\nexport default () => new Response(kind);\n`;
    await repository.commit({ 'index.ts': code });
    const second = await repository.push('main');
    expect(second.output).toContain('Dependencies as before, from the cache');
    expect(second.code, second.output).toBe(0);
    expect((await ask(platform, 'declared')).body).toBe('declared');
  });

  it('installs anew when what was stored is spoilt', async () => {
    const files = { ...registry.project({ adder: '1.0.0' }), 'index.ts': HANDLER };
    const { repository } = await push('spoilt', files);
    const caches = join(platform.dataDir, 'cache');
    for (const app of readdirSync(caches)) {
      for (const file of readdirSync(join(caches, app))) {
        writeFileSync(join(caches, app, file), 'no archive');
      }
    }
    await repository.commit({ 'index.ts': HANDLER.replace('1, 2', '5, 2') });
    const { code, output } = await repository.push('main');
    expect(output).toContain('installing them anew');
    expect(code, output).toBe(0);
    expect(JSON.parse((await ask(platform, 'spoilt')).body)).toEqual({ sum: 7 });
  });

  it('builds what main names when it is not there', async () => {
    const fields = {
      main: 'dist/index.js',
      scripts: { build: 'mkdir dist && cp source.js dist/index.js' },
    };
    const { code, output } = await push('built', {
      ...registry.project({ adder: '1.0.0' }, fields),
      'source.js': HANDLER,
    });
    expect(output).toContain('main is built first: npm run build');
    expect(code, output).toBe(0);
    expect(JSON.parse((await ask(platform, 'built')).body)).toEqual({ sum: 3 });
  });

  it('shows what a build command printed last when it fails', async () => {
    const { code, output } = await push('unbuilt', {
      'fn.json': JSON.stringify({
        build: { command: 'echo began && echo no such colour >&2 && exit 3' },
      }),
      'index.ts': 'export const handler = async () => null;\n',
    });
    expect(code, output).toBe(1);
    expect(output).toContain('failed (exit code 3)');
    expect(output).toContain('no such colour');
  });

  it('ships packages that read files beside their code, and gives them to the worker', async () => {
    const source = `const { readFileSync } = require('node:fs'); const { join } = require('node:path');
      exports.add = () => readFileSync(join(__dirname, 'answer.txt'), 'utf8');`;
    await registry.publish({
      name: 'reader',
      version: '1.0.0',
      files: { 'index.js': source, 'answer.txt': 'from a file' },
    });
    const handler = HANDLER.replace("'adder'", "'reader'");
    const { repository, code, output } = await push('beside', {
      ...registry.project({ reader: '1.0.0' }),
      'index.ts': handler,
    });
    expect(output).toContain('Beside the code: reader');
    expect(code, output).toBe(0);
    expect(JSON.parse((await ask(platform, 'beside')).body)).toEqual({ sum: 'from a file' });
    await repository.commit({ 'index.ts': handler.replace('sum', 'again') });
    const second = await repository.push('main');
    expect(second.output).toContain('Dependencies as before, from the cache, bundled already');
    expect(second.output).toContain('Beside the code: reader');
    expect(JSON.parse((await ask(platform, 'beside')).body)).toEqual({ again: 'from a file' });
  });
});

describe('a push is refused, and told why,', () => {
  const lockless = (dependencies: Record<string, string>) => ({
    'package.json': JSON.stringify({ name: 'demo', dependencies }, null, 2),
    'index.ts': HANDLER,
  });

  it.each([
    [
      'lockless',
      { adder: '1.0.0' },
      'npm install --package-lock-only && git add package-lock.json',
    ],
    ['climbing', { adder: 'file:../..' }, 'lies outside the repository'],
    ['git-one', { adder: 'git+ssh://git@example.com/a/b.git' }, 'is a git repository'],
    ['short-git', { adder: 'somebody/adder' }, 'is a git repository'],
    ['tarball', { adder: 'https://evil.example/adder.tgz' }, 'comes from evil.example'],
  ])('when its dependencies cannot be had: %s', async (app, dependencies, reason) => {
    const { code, output } = await push(app, lockless(dependencies));
    expect(code, output).toBe(1);
    expect(output).toContain(reason);
    expect(output).toContain('package.json:');
  });

  it('when the lockfile leads elsewhere', async () => {
    const project = registry.project({ adder: '1.0.0' });
    const lock = project['package-lock.json'] ?? '';
    const { output } = await push('elsewhere', {
      ...project,
      'package-lock.json': lock.replace(registry.url, 'http://169.254.169.254/'),
      'index.ts': HANDLER,
    });
    expect(output).toContain('adder is to come from 169.254.169.254');
  });

  it('when the lockfile does not match', async () => {
    await registry.publish({ name: 'adder', version: '2.0.0', files: { 'index.js': ADDER } });
    const project = registry.project({ adder: '1.0.0' });
    const { output } = await push('unmatched', {
      ...project,
      'package.json': (project['package.json'] ?? '').replace('1.0.0"\n  }', '2.0.0"\n  }'),
      'index.ts': HANDLER,
    });
    expect(output).toContain('package-lock.json does not match package.json');
    expect(output).toContain('npm install --package-lock-only && git add package-lock.json');
  });

  it('when the registry has no such package', async () => {
    const { output } = await push('missing', {
      ...registry.project({ nowhere: '1.0.0' }),
      'index.ts': HANDLER,
    });
    expect(output).toContain('nowhere is not in the registry');
  });

  it('when the registry has other bytes than were locked', async () => {
    const project = registry.project({ adder: '1.0.0' });
    const lock = project['package-lock.json'] ?? '';
    const { output } = await push('other-bytes', {
      ...project,
      'package-lock.json': lock.replace(/sha512-.{10}/, 'sha512-AAAAAAAAAA'),
      'index.ts': HANDLER,
    });
    expect(output).toMatch(/adder\S* is not what package-lock.json says/);
    expect(output).toContain('npm install --package-lock-only && git add package-lock.json');
  });

  it('when the registry breaks off', async () => {
    registry.fault = 'breaks-off';
    onTestFinished(() => void (registry.fault = 'none'));
    const files = { ...registry.project({ adder: '1.0.0' }), 'index.ts': HANDLER };
    const { code, output } = await push('broken-off', files);
    expect(code, output).toBe(1);
    expect(output).toContain('did not answer as it should');
  });
});
