import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

const COUNT = 30;
const answering = (text: string): string =>
  `import { greet } from '../lib/greet.ts';\nexport default () => new Response(greet('${text}'));\n`;
const GREET = 'export const greet = (name: string): string => `hello ${name}`;\n';

const thirty = (): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: COUNT }, (_, index) => [`functions/f${index}.ts`, answering(`f${index}`)]),
  );

interface BundleManifest {
  files: { path: string; sha256: string }[];
}

/** The sha256 of each code file that serves now. */
async function liveCode(app: string): Promise<Map<string, string>> {
  const snapshot = JSON.parse(
    await readFile(join(platform().dataDir, 'routes/snapshot.json'), 'utf8'),
  ) as {
    apps: { name: string; production: string }[];
    deployments: { id: string; bundle: string }[];
  };
  const id = snapshot.apps.find(({ name }) => name === app)?.production;
  const bundle = snapshot.deployments.find((deployment) => deployment.id === id)?.bundle ?? '';
  const path = join(platform().dataDir, 'store/bundles', bundle, 'manifest.json');
  const { files } = JSON.parse(await readFile(path, 'utf8')) as BundleManifest;
  return new Map(files.map(({ path: name, sha256 }) => [name, sha256]));
}

describe('a repository of thirty functions', () => {
  it('answers each at its own path, and builds only what a push changes', async () => {
    const repository = await createRepository(platform(), 'many');
    await repository.commit({ 'lib/greet.ts': GREET, ...thirty() });
    const first = await repository.push('main');
    expect(first).toMatchObject({ code: 0 });
    expect(first.output).toContain(`Built ${COUNT} functions`);
    expect(first.output).toContain(`http://many.localhost:${platform().port}/f7  f7`);
    const before = await liveCode('many');

    await repository.commit({ 'functions/f7.ts': answering('seven') });
    const second = await repository.push('main');
    expect(second.output).toContain(`Built 1 of ${COUNT} functions (${COUNT - 1} unchanged)`);
    for (let index = 0; index < COUNT; index++) {
      const body = index === 7 ? 'hello seven' : `hello f${index}`;
      expect(await ask(platform(), 'many', { path: `/f${index}` })).toMatchObject({
        status: 200,
        body,
      });
    }
    const after = await liveCode('many');
    const changed = [...after].filter(([path, sha256]) => before.get(path) !== sha256);
    expect(changed.map(([path]) => path).sort()).toEqual(['f7.js', 'f7.js.map']);

    await repository.commit({ 'lib/greet.ts': GREET.replace('hello', 'good day') });
    const third = await repository.push('main');
    expect(third.output).toContain(`Built ${COUNT} functions`);
    expect((await ask(platform(), 'many', { path: '/f3' })).body).toBe('good day f3');
  });
});

describe('places of functions', () => {
  it('below functions/ and api/ are paths, and the root entry answers the rest', async () => {
    const repository = await createRepository(platform(), 'places');
    const answer = (text: string): string =>
      `export default (request: Request) => new Response('${text} ' + new URL(request.url).pathname);\n`;
    await repository.commit({
      'index.ts': answer('root'),
      'functions/hello/index.ts': answer('hello'),
      'functions/hello/parts.ts': 'export const part = 1;\n',
      'functions/_shared.ts': 'export const shared = 1;\n',
      'functions/hello.test.ts': 'throw new Error();\n',
      'api/index.ts': answer('api'),
      'api/users/[id].ts': answer('user'),
      'api/files/[...path].ts': answer('files'),
      'public/page.html': '<h1>page</h1>',
    });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    const bodies: [string, string][] = [
      ['/', 'root /'],
      ['/elsewhere', 'root /elsewhere'],
      ['/hello', 'hello /hello'],
      ['/api', 'api /api'],
      ['/api/users/7', 'user /api/users/7'],
      ['/api/files/a/b', 'files /api/files/a/b'],
      ['/page.html', '<h1>page</h1>'],
    ];
    for (const [path, body] of bodies) {
      expect((await ask(platform(), 'places', { path })).body, path).toBe(body);
    }
  });

  it('are not needed: public files alone are a site', async () => {
    const repository = await createRepository(platform(), 'site');
    await repository.commit({ 'public/index.html': '<h1>here</h1>' });
    const pushed = await repository.push('main');
    expect(pushed).toMatchObject({ code: 0 });
    expect(await ask(platform(), 'site')).toMatchObject({ status: 200, body: '<h1>here</h1>' });
    expect((await ask(platform(), 'site', { path: '/nothing' })).status).toBe(404);
  });
});
