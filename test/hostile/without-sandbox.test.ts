/** What `--unsafe-single-tenant` comes to where sandboxes leak, and where there are none: for root and for an ordinary user. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readHostEnvironment } from '../../src/main/config/env.ts';
import { findTools } from '../../src/main/supervisor/machine/host-tools.ts';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { descendantsOf, survivors } from '../support/processes.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { createRepository } from '../support/repository.ts';

const IS_ROOT = process.getuid?.() === 0;
/** One with a name: the database's own tools insist on that, and nothing here gives it one. */
const NOBODY = 65_534;
const FN = resolve(import.meta.dirname, '../../bin/fn');
const INSISTING = ['--unsafe-single-tenant'];

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'gitfn-bare-'));
  await chmod(folder, 0o755);
  return folder;
}

/** A search path with every tool but bubblewrap, and nothing that could install it. */
async function pathWithoutBubblewrap(): Promise<string> {
  const folder = await temporaryFolder();
  const { bwrap: _, ...tools } = findTools(readHostEnvironment().toolFolders);
  const forFn = { readlink: '/usr/bin/readlink', dirname: '/usr/bin/dirname' };
  for (const [name, path] of Object.entries({ ...tools, ...forFn })) {
    if (path !== null) await symlink(path, join(folder, name));
  }
  return folder;
}

describe.each([
  ...(IS_ROOT ? [{ who: 'root', asUid: undefined }] : []),
  { who: 'an ordinary user', asUid: IS_ROOT ? NOBODY : undefined },
])('without bubblewrap, as $who', ({ who, asUid }) => {
  let registry: TestRegistry;
  let platform: Platform;
  let PATH: string;
  beforeAll(async () => {
    registry = await startRegistry();
    PATH = await pathWithoutBubblewrap();
    platform = await startPlatform({
      env: { PATH, FN_NPM_REGISTRY: registry.url },
      args: INSISTING,
      ...(asUid !== undefined && { asUid }),
    });
  });
  afterAll(async () => {
    await platform[Symbol.asyncDispose]();
    registry.close();
    await rm(PATH, { recursive: true });
  });

  it('says so at start and at /readyz', async () => {
    expect(platform.output()).toMatch(/UNSAFE.*nothing is confined/);
    const { body } = await ask(platform, '', { path: '/readyz' });
    const off = { 'sandbox-nodejs': 'off', 'network-per-sandbox': 'off' };
    expect(JSON.parse(body)).toMatchObject({ protections: off });
  });

  it('installs, builds and serves, and keeps the bundle as it is', async () => {
    await registry.publish({
      name: 'writer',
      version: '1.0.0',
      files: {
        'install.js': `require('node:fs').writeFileSync('made.json', JSON.stringify(process.env.PATH));`,
        'index.js': `const fs = require('node:fs');
          exports.path = require('./made.json');
          try { fs.writeFileSync(__dirname + '/made.json', '"spoilt"'); } catch {}`,
      },
      fields: { scripts: { postinstall: 'node install.js' } },
    });
    const repository = await createRepository(platform, 'writer');
    await repository.commit({
      ...registry.project({ writer: '1.0.0' }),
      'fn.json': JSON.stringify({ build: { external: ['writer'] }, memory: 128 }),
      'index.js': `import { path } from 'writer';
        export const handler = async () => {
          if (path === 'spoilt') throw new Error('the bundle has changed');
          return { path, uid: process.getuid() };
        };`,
    });
    const pushed = await repository.push('main');
    expect(pushed.code, pushed.output + platform.output()).toBe(0);
    expect(pushed.output).toContain('does not confine functions');
    const first = await ask(platform, 'writer');
    expect(first.status, first.body).toBe(200);
    const { path, uid } = JSON.parse(first.body) as { path: string; uid: number };
    if (who === 'root') expect(uid).toBeGreaterThan(1_000);
    await platform.restart();
    const second = await ask(platform, 'writer');
    expect(JSON.parse(second.body)).toMatchObject({ path });
  });

  it('holds a function to its memory, and says where in its source another one failed', async () => {
    const repository = await createRepository(platform, 'greedy');
    await repository.commit({
      'fn.json': JSON.stringify({ memory: 128 }),
      'index.js': `
        const held = [];
        export const handler = async (event) => {
          if (event.rawPath === '/throws') throw new Error('on its own line');
          for (;;) held.push(Buffer.alloc(8 << 20, 1)), await new Promise((go) => setTimeout(go, 20));
        };`,
    });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    expect(await ask(platform, 'greedy')).toMatchObject({
      status: 502,
      body: expect.stringContaining('out of memory'),
    });
    expect(await ask(platform, 'greedy', { path: '/throws' })).toMatchObject({ status: 502 });
    await eventually(async () => {
      const { output } = await repository.fn('logs', '--app', 'greedy');
      expect(output).toContain('index.js:4');
    });
  });

  it('leaves nothing when it stops, nor when it is killed', async () => {
    const running = descendantsOf(platform.pid);
    expect(running.length).toBeGreaterThan(3);
    await platform.kill9();
    await eventually(() => expect(survivors(running)).toEqual([]));
    await platform.restart();
    expect(await ask(platform, 'writer')).toMatchObject({ status: 200 });
  });

  // It looks at this machine as who runs it: once is enough.
  if (who !== 'root') return;
  it('fn doctor says it too, and without the argument that nothing would run', async () => {
    const doctor = (...args: string[]) =>
      new Promise<{ code: number; stdout: string }>((done) => {
        execFile(FN, ['doctor', ...args], { env: { PATH } }, (error, stdout) =>
          done({ code: error === null ? 0 : Number(error.code), stdout }),
        );
      });
    const refusing = await doctor();
    expect(refusing.code).toBe(6);
    expect(refusing.stdout).toMatch(/^fail +bwrap +missing\n.*apt-get install.* bubblewrap/m);
    const insisting = await doctor(...INSISTING);
    expect(insisting.code, insisting.stdout).toBe(0);
    expect(insisting.stdout).toMatch(/^warn +sandbox-nodejs +nothing is confined/m);
    expect(insisting.stdout).toMatch(/^warn +network-per-sandbox/m);
  });
});

describe('where a sandbox leaks', () => {
  it('serves when the operator insists, and says so at start, at /readyz and in each push', async () => {
    const folder = await temporaryFolder();
    onTestFinished(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, 'bin'), { mode: 0o755 });
    const leaky = '#!/bin/sh\nexec /usr/bin/bwrap --ro-bind /etc /etc "$@"\n';
    await writeFile(join(folder, 'bin/bwrap'), leaky, { mode: 0o755 });
    const env = { PATH: `${folder}/bin:${process.env['PATH']}` };
    await using platform = await startPlatform({ env, args: INSISTING });
    expect(platform.output()).toContain('UNSAFE');
    expect(platform.output()).toContain('sandbox-nodejs off: ');
    const readiness = await ask(platform, '', { path: '/readyz' });
    expect(JSON.parse(readiness.body)).toMatchObject({ protections: { 'sandbox-nodejs': 'off' } });
    const repository = await createRepository(platform, 'hello');
    await repository.commit({ 'index.js': 'export const handler = async () => "served";' });
    const pushed = await repository.push('main');
    expect(pushed.output).toContain('does not confine functions');
    expect(await ask(platform, 'hello')).toMatchObject({ status: 200, body: 'served' });
  });
});
