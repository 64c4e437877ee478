import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Home, makeHome, run, runFn } from '../run-fn.ts';
import { startStubControl, TOKEN } from '../stub-control.ts';

const FN = resolve(import.meta.dirname, '../../../bin/fn');
const whoami = {
  tokenId: 'tok-1',
  name: 'laptop',
  kind: 'personal',
  role: 'deployer',
  apps: ['hello'],
  grants: [{ app: 'hello', role: 'deployer' }],
  can: null,
  expiresAt: null,
};
const startServer = () => startStubControl({ 'GET /whoami': { json: whoami } });
const login = (home: Home, input: string, ...args: string[]) =>
  run(home, FN, ['login', ...args], input);

describe('fn login', () => {
  test('takes the token from standard input, says what it may do, and stores it', async () => {
    const server = await startServer();
    const home = makeHome();
    const { code, stdout, stderr } = await login(home, `${TOKEN}\n`, server.url);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      [
        `-----> Logged in to ${server.url}`,
        '       token   laptop (tok-1)',
        '       role    deployer: may push, deploy and roll back as well',
        '       apps    hello\n',
      ].join('\n'),
    );
    expect(readFileSync(home.configFile, 'utf8')).toBe(`${server.url} ${TOKEN}\n`);
    expect(statSync(home.configFile).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(home.configFile)).mode & 0o777).toBe(0o700);
    expect((await runFn(home, 'whoami')).stdout).toContain(server.url);
  });

  test('asks a person at a terminal, and shows nothing of what is typed', async () => {
    const server = await startServer();
    const home = makeHome();
    const shown = await atTerminal(home, `login ${server.url}`, [`${TOKEN}x\u007f\r`]);
    expect(shown.code, shown.output).toBe(0);
    expect(shown.output).toContain(`Token for ${server.url} (not shown): `);
    expect(shown.output).not.toContain(TOKEN);
    expect(readFileSync(home.configFile, 'utf8')).toContain(TOKEN);
  });

  test('ends without a trace at Ctrl-C', async () => {
    const server = await startServer();
    const home = makeHome();
    const shown = await atTerminal(home, `login ${server.url}`, ['fn_abc\u0003']);
    expect(shown.output).toContain('interrupted');
    expect(shown.code).toBe(2);
    expect(existsSync(home.configFile)).toBe(false);
  });

  test('keeps several servers, and logs out of one at a time', async () => {
    const [first, second] = [await startServer(), await startServer()];
    const home = makeHome();
    await login(home, TOKEN, first.url);
    await login(home, TOKEN, second.url);
    const undecided = await runFn(home, 'whoami');
    expect(undecided.code).toBe(2);
    expect(undecided.stderr).toContain(`there are tokens for ${first.url}, ${second.url}`);
    expect(await runFn(home, 'logout', first.url)).toMatchObject({ code: 0 });
    expect(readFileSync(home.configFile, 'utf8')).toBe(`${second.url} ${TOKEN}\n`);
    expect(await runFn(home, 'logout')).toMatchObject({ code: 0 });
    expect((await runFn(home, 'logout', second.url)).code).toBe(2);
  });

  test.each([
    ['', 'no token came on standard input'],
    ['two words\n', 'what came is no token'],
    ['fn_wrong\n', 'the token is not valid'],
  ])('given %j stores nothing', async (input, message) => {
    const server = await startServer();
    const home = makeHome();
    const { code, stderr } = await login(home, input, server.url);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
    expect(stderr).toContain(`fn login ${server.url}`);
    expect(existsSync(home.configFile)).toBe(false);
  });

  test('serves fn init afterwards, and warns while FN_TOKEN goes first', async () => {
    const server = await startServer();
    const home = makeHome();
    home.environment['FN_TOKEN'] = 'fn_other';
    expect((await login(home, TOKEN, server.url)).stdout).toContain('FN_TOKEN is set');
    delete home.environment['FN_TOKEN'];
    expect(await runFn(home, 'init')).toMatchObject({ code: 0 });
    writeFileSync(join(home.folder, 'other'), 'fn_wrong');
    const refused = await runFn(home, 'login', '--token-file', 'other');
    expect(refused.code).toBe(3);
    expect(readFileSync(home.configFile, 'utf8')).toContain(TOKEN);
  });
});

/** Runs fn on a terminal of its own, typing each text once a prompt has come. */
async function atTerminal(
  { folder, environment }: Home,
  command: string,
  typed: string[],
): Promise<{ code: number; output: string }> {
  const child = spawn('script', ['-qec', `${FN} ${command}`, '/dev/null'], {
    cwd: folder,
    env: environment,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.trimEnd().endsWith('):')) child.stdin.write(typed.shift() ?? '');
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, output };
}
