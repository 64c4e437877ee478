import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Home, makeHome, run, runFn } from './run-fn.ts';
import { startStubControl, type StubControl, TOKEN } from './stub-control.ts';

const whoami = {
  tokenId: 'tok-1',
  name: 'laptop',
  kind: 'personal',
  role: 'admin',
  apps: null,
  grants: [{ app: null, role: 'admin' }],
  can: null,
  expiresAt: null,
};
const deployment = {
  id: 'dep-1',
  version: 3,
  kind: 'production',
  ref: 'refs/heads/main',
  commit: 'abcdef0123456789abcdef0123456789abcdef01',
  subject: 'Say hello',
  author: 'A <a@example.com>',
  state: 'live',
  bundle: null,
  envVersion: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  liveAt: null,
  buildMs: 12,
  url: 'http://hello.localhost:3000',
  isCurrent: true,
  reason: null,
  trigger: 'push',
};

async function startServer(): Promise<StubControl> {
  return startStubControl({
    'GET /whoami': { json: whoami },
    'GET /apps?limit=200': { json: { items: [] } },
    'GET /apps/hello': { json: { url: deployment.url } },
    'GET /apps/hello/deployments?limit=20': { json: { items: [deployment] } },
    'POST /apps/hello/rollback': {
      json: { deployment: { ...deployment, version: 4 }, environmentVersion: 2, elapsedMs: 7.4 },
    },
    'POST /apps/broken/rollback': {
      status: 422,
      json: { status: 422, code: 'release-failed', detail: 'it throws', hint: 'mend it' },
    },
    'POST /tokens': {
      status: 201,
      json: { id: 'tok-2', kind: 'personal', role: 'deployer', can: null, token: 'fn_new' },
    },
    'DELETE /tokens/tok-2': { status: 204 },
  });
}

async function initialised(server: StubControl, home: Home): Promise<Home> {
  writeFileSync(join(home.folder, 'token'), `${TOKEN}\n`);
  const { code, stderr } = await runFn(
    home,
    'init',
    '--server',
    server.url,
    '--token-file',
    'token',
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return home;
}

describe('fn init', () => {
  test('connects a folder: repository, remote, refspecs, token and helper', async () => {
    const server = await startServer();
    const home = await initialised(server, makeHome('My Hello_App'));
    const config = await run(home, 'git', ['config', '--local', '--list']);
    const lines = config.stdout.split('\n');
    expect(lines).toContain(`remote.fn.url=${server.url}/my-hello-app.git`);
    expect(lines).toContain('remote.fn.fetch=+refs/heads/*:refs/remotes/fn/*');
    expect(lines).toContain('remote.fn.fetch=+refs/live/*:refs/remotes/fn/live/*');
    expect(config.stdout).not.toContain(TOKEN);
    expect(statSync(home.configFile).mode & 0o777).toBe(0o600);
    const branch = await run(home, 'git', ['symbolic-ref', '--short', 'HEAD']);
    expect(branch.stdout.trim()).toBe('main');
  });

  test('gives git the token, and never lets git change what is stored', async () => {
    const server = await startServer();
    const home = await initialised(server, makeHome());
    const stored = readFileSync(home.configFile, 'utf8');
    const host = server.url.slice('http://'.length);
    const question = `protocol=http\nhost=${host}\n\n`;
    const filled = await run(home, 'git', ['credential', 'fill'], question);
    expect(filled.stdout).toContain(`password=${TOKEN}\n`);
    const other = `protocol=http\nhost=${host}\nusername=fn\npassword=other\n\n`;
    for (const verb of ['reject', 'approve']) {
      await run(home, 'git', ['credential', verb], other);
      await run(home, 'git', ['credential', verb], filled.stdout);
    }
    expect(readFileSync(home.configFile, 'utf8')).toBe(stored);
  });

  test('gives git no token of another server, and FN_TOKEN before the stored one', async () => {
    const server = await startServer();
    const home = await initialised(server, makeHome());
    const ask = (host: string, environment: Record<string, string> = {}) =>
      run(
        { ...home, environment: { ...home.environment, ...environment } },
        resolve(import.meta.dirname, '../../bin/fn-credential'),
        ['get'],
        `protocol=http\nhost=${host}\n\n`,
      );
    const host = server.url.slice('http://'.length);
    expect((await ask('elsewhere.example')).stdout).toBe('');
    expect((await ask(host, { FN_TOKEN: 'fn_given' })).stdout).toContain('password=fn_given\n');
    const elsewhere = { FN_TOKEN: 'fn_given', FN_SERVER: 'http://elsewhere.example/' };
    expect((await ask(host, elsewhere)).stdout).toContain(`password=${TOKEN}\n`);
    expect((await ask('elsewhere.example', elsewhere)).stdout).toContain('password=fn_given\n');
  });

  test('run twice changes nothing, and a moved remote is told of', async () => {
    const server = await startServer();
    const home = await initialised(server, makeHome());
    const before = await run(home, 'git', ['config', '--local', '--list']);
    await initialised(server, home);
    const after = await run(home, 'git', ['config', '--local', '--list']);
    expect(after.stdout).toBe(before.stdout);
    const moved = await runFn(home, 'init', 'other-name');
    expect(moved.stdout).toContain(`It was ${server.url}/hello.git before`);
  });

  test('a wrong token writes nothing and exits 3', async () => {
    const server = await startServer();
    const home = makeHome();
    writeFileSync(join(home.folder, 'token'), 'fn_wrong');
    const args = ['init', '--server', server.url, '--token-file', 'token'];
    const { code, stderr } = await runFn(home, ...args);
    expect(code).toBe(3);
    expect(stderr).toBe(
      'fn: cannot connect this repository to an app\n    the token is not valid\n' +
        `    run: fn login ${server.url}   (an admin makes tokens with: fn tokens create NAME)\n`,
    );
    expect(existsSync(home.configFile)).toBe(false);
    expect(existsSync(join(home.folder, '.git'))).toBe(false);
  });

  test.each([
    [['init'], 2, 'which server?'],
    [['init', 'Bad_Name', '--server', 'http://localhost:1'], 2, '"bad-name" can'],
    [['init', '--server', 'http://fn.example.com'], 2, 'use https://fn.example.com'],
    [['init', '--server', 'https://u:p@fn.example.com'], 2, 'must not hold a user name'],
    [['init', '--server', 'http://localhost:1/path'], 2, 'did you mean http://localhost:1'],
    [['init', '--server', 'ftp://localhost'], 2, 'no http or https URL'],
    [['init', '--server', 'http://localhost:1'], 3, '--token-file'],
    [['init', '--server', 'http://localhost:1', '--token-file', 'no'], 2, 'cannot be read'],
    [['whoami'], 2, 'fn init --server URL'],
    [['releases', '--limit', 'many'], 2, 'a number from 1 to 200'],
    [['nonsense'], 2, "unknown command 'nonsense'"],
    [['rolback'], 2, 'Did you mean rollback?'],
    [['--nonsense'], 2, "unknown option '--nonsense'"],
  ])('fn %j exits %i and says what to do', async (args, code, message) => {
    const finished = await runFn(makeHome(), ...args);
    expect(finished.stderr).toContain(message);
    expect(finished).toMatchObject({ code, stdout: '' });
  });
});

describe('the other commands', () => {
  test('read the server and app from the remote, and print what the API answers', async () => {
    const server = await startServer();
    const home = await initialised(server, makeHome());
    const releases = await runFn(home, 'releases');
    expect(releases.stdout).toMatch(/^\* +v3 +live +main +abcdef0 .* push +Say hello$/m);
    const rollback = await runFn(home, 'rollback', 'v3');
    expect(rollback.stdout).toContain('hello serves abcdef0 Say hello again, as v4');
    expect(server.seen.at(-1)).toMatchObject({
      body: '{"target":"v3"}',
      host: server.url.slice('http://'.length),
    });
    expect((await runFn(home, 'open')).stdout).toBe(`${deployment.url}\n`);
    expect((await runFn(home, 'whoami')).stdout).toContain('laptop (tok-1)');
    expect((await runFn(home, 'apps')).stdout).toContain('No apps yet');
  });

  test('print JSON when asked to', async () => {
    const server = await startServer();
    const home = await initialised(server, makeHome());
    const { stdout } = await runFn(home, 'releases', '--json');
    expect(JSON.parse(stdout)).toEqual({ items: [deployment] });
  });

  test('create and revoke tokens', async () => {
    const server = await startServer();
    const home = await initialised(server, makeHome());
    const args = ['tokens', 'create', 'ci', '--app', 'a', 'b', '--expires', '90d'];
    const created = await runFn(home, ...args);
    expect(created.stdout.split('\n')[0]).toBe('fn_new');
    expect(JSON.parse(server.seen.at(-1)?.body ?? '')).toEqual({
      name: 'ci',
      role: 'deployer',
      apps: ['a', 'b'],
      expiresInSeconds: 7_776_000,
    });
    expect((await runFn(home, 'tokens', 'revoke', 'tok-2')).stdout).toBe('tok-2 is revoked.\n');
  });

  test('take FN_SERVER and FN_TOKEN, with a name of this machine that no resolver knows', async () => {
    const server = await startServer();
    const home = makeHome();
    home.environment['FN_SERVER'] = server.url.replace('localhost', 'control.localhost');
    home.environment['FN_TOKEN'] = TOKEN;
    const { code } = await runFn(home, 'whoami');
    expect(code).toBe(0);
    expect(server.seen[0]?.host).toMatch(/^control\.localhost:/);
  });

  test('exit with the code of the failure, and tell it as JSON when asked to', async () => {
    const server = await startServer();
    const home = await initialised(server, makeHome());
    const failed = await runFn(home, 'rollback', '--app', 'broken', '--json');
    expect(failed).toMatchObject({ code: 5, stdout: '' });
    expect(JSON.parse(failed.stderr)).toEqual({
      error: {
        code: 'release-failed',
        doing: 'put an earlier version live again',
        message: 'it throws',
        hint: 'mend it',
      },
    });
    expect(await runFn(home, 'rollback', '--app', 'nobodys')).toMatchObject({ code: 2 });
  });

  test('say when the server is not there', async () => {
    const home = makeHome();
    home.environment['FN_SERVER'] = 'http://localhost:1';
    home.environment['FN_TOKEN'] = TOKEN;
    const { code, stderr } = await runFn(home, 'whoami');
    expect(code).toBe(6);
    expect(stderr).toContain('http://localhost:1 does not answer (ECONNREFUSED)');
    expect(stderr).toContain('fn server');
  });

  test('help and version exit 0', async () => {
    const home = makeHome();
    expect(await runFn(home, '--version')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^fn \d+\.\d+\.\d+ on Node \d/),
    });
    const help = await runFn(home, 'help');
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('rollback');
    expect(help.stdout).toContain('server');
  });
});
