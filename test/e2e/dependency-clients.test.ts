import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { lock, type LockingClient } from '../support/lockfiles.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { createRepository } from '../support/repository.ts';

/** The package managers besides npm, each with a lockfile that it made itself. */
let registry: TestRegistry;
let platform: Platform;
beforeAll(async () => {
  registry = await startRegistry();
  platform = await startPlatform({ env: { FN_NPM_REGISTRY: registry.url } });
  await registry.publish({ name: '@math/adder', version: '1.0.0', files: { 'index.js': ADDER } });
  await registry.publish({ name: 'added', version: '1.0.0' });
  await registry.publish({
    name: 'scripted',
    version: '1.0.0',
    files: { 'index.js': "exports.made = require('./made.json');" },
    fields: {
      scripts: { postinstall: 'echo 7 > made.json' },
      dependencies: { '@math/adder': '1' },
    },
  });
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  registry.close();
});

const ADDER = 'exports.add = (a, b) => a + b;\n';
const HANDLER = `import { add } from '@math/adder';
import { made } from 'scripted';
export const handler = async () => ({ statusCode: 200, body: { sum: add(1, made) } });
`;
const PROJECT = {
  name: 'demo',
  version: '1.0.0',
  dependencies: { '@math/adder': '^1.0.0', scripted: '1.0.0' },
  devDependencies: {},
};

async function push(app: string, files: Record<string, string>) {
  const repository = await createRepository(platform, app);
  await repository.commit(files);
  return { repository, ...(await repository.push('main')) };
}

const CLIENTS: [LockingClient, app: string, title: string][] = [
  ['pnpm', 'by-pnpm', 'pnpm install --frozen-lockfile'],
  ['yarn 1', 'by-yarn', 'yarn install --frozen-lockfile'],
  ['yarn 4', 'by-berry', 'yarn install --immutable'],
];

describe.each(CLIENTS)('a lockfile of %s', (client, app, title) => {
  const project = () =>
    lock(client, registry.url, { 'package.json': `${JSON.stringify(PROJECT, null, 2)}\n` });

  it('is what is installed, and kept for the next push', async () => {
    const files = { ...(await project()), 'index.ts': HANDLER };
    const { repository, code, output } = await push(app, files);
    expect(output).toContain(`Installing dependencies: ${title}`);
    expect(code, output).toBe(0);
    expect(JSON.parse((await ask(platform, app)).body)).toEqual({ sum: 8 });
    registry.requests.length = 0;
    await repository.commit({ 'index.ts': HANDLER.replace('(1, ', '(2, ') });
    const second = await repository.push('main');
    expect(second.output).toContain('Dependencies as before, from the cache');
    expect(registry.requests).toEqual([]);
    expect(JSON.parse((await ask(platform, app)).body)).toEqual({ sum: 9 });
  });

  it('that does not match package.json is refused with the command that mends it', async () => {
    const files = await project();
    const changed = { ...PROJECT, dependencies: { ...PROJECT.dependencies, added: '1.0.0' } };
    const { code, output } = await push(`${app}-unmatched`, {
      ...files,
      'package.json': JSON.stringify(changed, null, 2),
      'index.ts': HANDLER,
    });
    expect(code, output).toBe(1);
    expect(output).toContain('does not match package.json');
    expect(output).toMatch(/(?:pnpm|yarn) install.* && git add (?:pnpm-lock.yaml|yarn.lock)/);
  });
});

describe('a lockfile of an older version', () => {
  const projectOf = (client: LockingClient) =>
    lock(client, registry.url, { 'package.json': JSON.stringify(PROJECT) });
  const older = (text: string, version: number): string =>
    text.replace(/^ {2}version: 10$/m, `  version: ${version}`);

  it.each([8, 6])('of Yarn is installed as it says: version %i', async (version) => {
    const files = await projectOf('yarn 4');
    const yarnLock = older(files['yarn.lock'] ?? '', version);
    const project = { ...files, 'index.ts': HANDLER };
    expect(yarnLock).not.toBe(files['yarn.lock']); // The pinned Yarn writes what it is taken to write.
    const app = `older-yarn-${version}`;
    const { repository, code, output } = await push(app, { ...project, 'yarn.lock': yarnLock });
    expect(code, output).toBe(0);
    expect(JSON.parse((await ask(platform, app)).body)).toEqual({ sum: 8 });
    await repository.commit({
      'package.json': JSON.stringify({ ...PROJECT, dependencies: { '@math/adder': '1.0.0' } }),
    });
    const second = await repository.push('main');
    expect(second.output).toContain('yarn.lock does not match package.json');
  });

  it('of pnpm before 9 is refused with the command that makes a newer one', async () => {
    const files = await projectOf('pnpm');
    const pnpmLock = (files['pnpm-lock.yaml'] ?? '').replace("'9.0'", "'6.0'");
    const project = { ...files, 'pnpm-lock.yaml': pnpmLock, 'index.ts': HANDLER };
    const { output } = await push('older-pnpm', project);
    expect(output).toContain('npx pnpm@10 install --lockfile-only && git add pnpm-lock.yaml');
  });
});
