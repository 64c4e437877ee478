import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Home, makeHome, run, runFn } from './run-fn.ts';
import { startStubControl, TOKEN } from './stub-control.ts';

const whoami = {
  tokenId: 'tok-1',
  name: 'laptop',
  kind: 'personal',
  role: 'viewer',
  apps: null,
  grants: [{ app: null, role: 'viewer' }],
  can: null,
  expiresAt: null,
};

/** What each test needs of the world, and what a command then says. */
const failures: [string, (home: Home) => Promise<string[]>, number, string][] = [
  [
    'in no git repository',
    async () => ['releases'],
    2,
    'fn: cannot list the releases of an app\n' +
      '    which server? This folder is in no git repository\n' +
      '    run: fn init --server URL   (or fn login URL, or set FN_SERVER)\n',
  ],
  [
    'in a repository without a remote fn',
    async (home) => {
      await run(home, 'git', ['init', '-q']);
      return ['rollback'];
    },
    2,
    'fn: cannot put an earlier version live again\n' +
      '    which server? This repository has no remote named fn\n' +
      '    run: fn init --server URL   (or fn login URL, or set FN_SERVER)\n',
  ],
  [
    'whose remote fn is something else',
    async (home) => {
      await run(home, 'git', ['init', '-q']);
      await run(home, 'git', ['remote', 'add', 'fn', 'git@example.com:a/b.git']);
      return ['open'];
    },
    2,
    'fn: cannot open an app in the browser\n' +
      '    which server? The remote fn of this repository, git@example.com:a/b.git, is no http(s)://HOST/APP.git\n' +
      '    run: fn init --server URL   (or fn login URL, or set FN_SERVER)\n',
  ],
  [
    'without a token',
    async (home) => {
      home.environment['FN_SERVER'] = 'http://localhost:1';
      return ['apps'];
    },
    3,
    'fn: cannot list the apps that the token may see\n' +
      '    no token for http://localhost:1 is stored on this machine\n' +
      '    run: fn login http://localhost:1   (in CI, set FN_TOKEN)\n',
  ],
  [
    'while the server is away',
    async (home) => {
      home.environment['FN_SERVER'] = 'http://localhost:1';
      home.environment['FN_TOKEN'] = TOKEN;
      return ['apps'];
    },
    6,
    'fn: cannot list the apps that the token may see\n' +
      '    http://localhost:1 does not answer (ECONNREFUSED)\n' +
      '    is it running? Start it with: fn server\n',
  ],
  [
    'without the name of an app',
    async (home) => {
      home.environment['FN_SERVER'] = 'http://localhost:1';
      home.environment['FN_TOKEN'] = TOKEN;
      return ['releases'];
    },
    2,
    'fn: cannot list the releases of an app\n' +
      '    which app? This folder is in no git repository\n' +
      '    add --app NAME (fn apps lists them), or connect this folder: fn init NAME\n',
  ],
  [
    'with credentials that cannot be read',
    async (home) => {
      home.environment['FN_SERVER'] = 'http://localhost:1';
      home.environment['XDG_CONFIG_HOME'] = join(home.folder, 'file');
      writeFileSync(join(home.folder, 'file'), '');
      return ['apps'];
    },
    1,
    'fn: cannot list the apps that the token may see\n    open of ',
  ],
  [
    'misspelt',
    async () => ['relaeses'],
    2,
    'fn: cannot understand the command line\n' +
      "    unknown command 'relaeses'\n" +
      '    Did you mean releases?   (fn help shows the commands)\n',
  ],
  [
    'with a misspelt option',
    async () => ['releases', '--ap', 'x'],
    2,
    'fn: cannot understand the command line\n' +
      "    unknown option '--ap'\n" +
      '    Did you mean --app?   (fn help shows the commands)\n',
  ],
  [
    'without an argument that it needs',
    async () => ['tokens', 'revoke'],
    2,
    'fn: cannot understand the command line\n' +
      "    missing required argument 'id'\n" +
      '    fn help shows the commands, fn help COMMAND one of them\n',
  ],
];

describe('a command', () => {
  test.each(failures)('%s says what, why and what to do', async (_, arrange, code, message) => {
    const home = makeHome();
    const args = await arrange(home);
    const finished = await runFn(home, ...args);
    expect(finished.stderr.startsWith(message), finished.stderr).toBe(true);
    expect(finished).toMatchObject({ code, stdout: '' });
    const asJson = await runFn(home, ...args, '--json');
    expect(asJson).toMatchObject({ code, stdout: '' });
    const { error } = JSON.parse(asJson.stderr) as { error: Record<string, string> };
    const [doing = '', why = ''] = message.split('\n');
    expect(`fn: cannot ${error['doing']}`).toBe(doing);
    expect(`    ${error['message']}`.startsWith(why)).toBe(true);
    expect(error['hint']).toMatch(/\w/);
  });

  test('whose reader has read enough ends in peace', async () => {
    const items = Array.from({ length: 5000 }, (_, at) => ({ name: `app-${at}`, url: 'x' }));
    const server = await startStubControl({
      'GET /whoami': { json: whoami },
      'GET /apps?limit=200': {
        json: { items: items.map((item) => ({ ...item, version: 1, commit: null })) },
      },
    });
    const home = makeHome();
    const fn = join(import.meta.dirname, '../../bin/fn');
    home.environment['FN_SERVER'] = server.url;
    home.environment['FN_TOKEN'] = TOKEN;
    const piped = await run(home, 'bash', ['-c', `set -o pipefail; '${fn}' apps | head -1`]);
    expect(piped.stderr).toBe('');
    expect(piped.stdout).toContain('APP');
  });
});
