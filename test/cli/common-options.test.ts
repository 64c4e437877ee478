import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Home, makeHome, run, runFn } from './run-fn.ts';
import { startStubControl, type StubControl, TOKEN } from './stub-control.ts';

const DEPLOYMENT = {
  version: 3,
  commit: 'abcdef0123456789abcdef0123456789abcdef01',
  subject: 'Say hello',
  url: 'http://hello.localhost',
};
const AGAIN = { deployment: DEPLOYMENT, environmentVersion: 1, elapsedMs: 3 };
const EMPTY_LOG = { items: [], next: null };

function startServer(headers: Record<string, string> = {}): Promise<StubControl> {
  return startStubControl(
    {
      'GET /whoami': { json: { name: 'laptop' } },
      'POST /apps/hello/rollback': { json: AGAIN },
      'POST /apps/shop/rollback': { json: AGAIN },
      'GET /functions/shop%3Acheckout': { json: {} },
      'GET /apps/hello': { json: {} },
      'GET /apps/hello/logs?limit=100': { json: EMPTY_LOG },
      'GET /apps/hello/logs?function=main&limit=100': { json: EMPTY_LOG },
      'GET /apps/shop/logs?function=checkout&limit=100': { json: EMPTY_LOG },
    },
    headers,
  );
}

/** Somebody who is in no repository, and has tokens for these servers. */
function makeUser(servers: StubControl[]): Home {
  const home = makeHome();
  const { environment } = home;
  environment['XDG_CONFIG_HOME'] = join(home.folder, '..');
  environment['FN_TOKEN'] = TOKEN;
  if (servers[0] !== undefined) environment['FN_SERVER'] = servers[0].url;
  return home;
}

async function inShop(home: Home, server: StubControl): Promise<void> {
  await run(home, 'git', ['init', '-q']);
  await run(home, 'git', ['remote', 'add', 'fn', `${server.url}/shop.git`]);
}

const asked = ({ seen }: StubControl): string[] =>
  seen.map(({ method, url }) => `${method} ${url}`);

describe('--function', () => {
  test('names the app of a command, in a repository or not', async () => {
    const server = await startServer();
    const home = makeUser([server]);
    const done = await runFn(home, 'rollback', '--function', 'hello', '--version', '2', '--json');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(server.seen.at(-1)).toMatchObject({ body: '{"target":"v2"}' });
    expect(asked(server)).toEqual(['POST /apps/hello/rollback']);
    const twice = await runFn(home, 'rollback', '--function', 'hello', '--app', 'hello');
    expect(twice).toMatchObject({ code: 2, stdout: '' });
    const both = await runFn(home, 'rollback', 'v1', '--version', '2', '--app', 'hello');
    expect(both).toMatchObject({ code: 2, stdout: '' });
  });

  test('names an app, or one function of it, whose log is meant', async () => {
    const server = await startServer();
    const home = makeUser([server]);
    await runFn(home, 'logs', '--function', 'hello');
    await runFn(home, 'logs', '--function', 'hello:main');
    expect(asked(server)).toEqual([
      'GET /apps/hello/logs?limit=100',
      'GET /apps/hello/logs?function=main&limit=100',
    ]);
  });

  test('in a repository is a function of its app before it is another app', async () => {
    const server = await startServer();
    const home = makeUser([server]);
    await inShop(home, server);
    await runFn(home, 'logs', '--function', 'checkout');
    expect(asked(server).at(-1)).toBe('GET /apps/shop/logs?function=checkout&limit=100');
    await runFn(home, 'logs', '--function', 'hello');
    expect(asked(server).at(-1)).toBe('GET /apps/hello/logs?limit=100');
  });
});

describe('--server', () => {
  test('goes before all else, and does not get the token of another server', async () => {
    const [ours, other] = [await startServer(), await startServer()];
    const home = makeUser([ours]);
    const refused = await runFn(home, 'rollback', '--app', 'hello', '--server', other.url);
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(other.seen).toEqual([]);
    writeFileSync(join(home.folder, 'token'), TOKEN);
    await runFn(home, 'login', other.url, '--token-file', 'token');
    const done = await runFn(home, 'rollback', '--app', 'hello', '--server', other.url);
    expect(done).toMatchObject({ code: 0 });
    expect(ours.seen).toEqual([]);
  });
});

describe('--timeout', () => {
  test('ends the waiting, and says that the rest goes on', async () => {
    const server = await startStubControl({ 'POST /apps/hello/rollback': { hangs: true } });
    const home = makeUser([server]);
    const args = ['rollback', '--app', 'hello', '--timeout', '1s', '--json'];
    const ended = await runFn(home, ...args);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(JSON.parse(ended.stderr)).toMatchObject({ error: { code: 'timed-out' } });
    for (const wrong of ['0', 'soon', '-1', '25h']) {
      const refused = await runFn(home, 'rollback', '--timeout', wrong);
      expect({ wrong, ...refused }).toMatchObject({ wrong, code: 2, stdout: '' });
    }
  });
});

describe('the version', () => {
  test('of the server is shown, and told of in one line when ours is older', async () => {
    const server = await startServer({ 'x-gitfn-version': '99.0.1' });
    const home = makeUser([server]);
    const shown = await runFn(home, '--version', '--json');
    expect(shown.stderr).toBe('');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      server: { url: server.url, version: '99.0.1' },
    });
    const { stderr } = await runFn(home, 'rollback', '--app', 'hello');
    expect(stderr).toMatch(/^fn: this is version \S+, and the server has 99\.0\.1; .*\n$/);
    expect(stderr).toContain(`curl -fsS ${server.url}/cli/fn.mjs`);
    expect((await runFn(home, 'rollback', '--app', 'hello', '--json')).stderr).toBe('');
  });

  test.each(['0.0.9', '0.1.0', 'none'])(
    '%s of the server is no reason to say anything',
    async (of) => {
      const server = await startServer({ 'x-gitfn-version': of });
      const home = makeUser([server]);
      expect((await runFn(home, 'rollback', '--app', 'hello')).stderr).toBe('');
    },
  );
});
