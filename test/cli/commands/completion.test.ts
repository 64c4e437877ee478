import { mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { provideProgram } from '../../support/debian-packages.ts';
import { type Home, makeHome, run, runFn } from '../run-fn.ts';
import { startStubControl, TOKEN } from '../stub-control.ts';

const FN = resolve(import.meta.dirname, '../../../bin/fn');

/** What bash itself offers at Tab after these words, the last one unfinished. */
async function pressTab(home: Home, ...words: string[]): Promise<string[]> {
  const script = `eval "$(fn completion bash)"
    COMP_WORDS=(${['fn', ...words].map((word) => `'${word}'`).join(' ')})
    COMP_CWORD=${words.length}
    _fn_complete
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return linesOf(await run(home, 'bash', ['-c', script]));
}

function makeUser(): Home {
  const home = makeHome();
  const bin = join(home.folder, '../bin');
  mkdirSync(bin);
  symlinkSync(FN, join(bin, 'fn'));
  home.environment['PATH'] = `${bin}:${home.environment['PATH'] ?? ''}`;
  return home;
}

/**
 * What the other shells offer at Tab after these words. Of zsh the function runs that its script defines, with what the line
 * editor would give it; fish says itself what it would offer.
 */
const OFFERS = {
  async zsh(home: Home, ...words: string[]): Promise<string[]> {
    const script = `compdef() { : }
      compadd() { shift; print -l -- "$@" }
      _files() { print -l -- * }
      eval "$(fn completion zsh)"
      words=(${['fn', ...words].map((word) => `'${word}'`).join(' ')})
      CURRENT=${words.length + 1}
      _fn_complete`;
    return linesOf(await run(home, 'zsh', ['-f', '-c', script]));
  },
  async fish(home: Home, ...words: string[]): Promise<string[]> {
    const script = `fn completion fish | source; complete -C "fn ${words.join(' ')}"`;
    return linesOf(await run(home, 'fish', ['--no-config', '-c', script]));
  },
};

function linesOf({ stdout, stderr }: { stdout: string; stderr: string }): string[] {
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

/** A command each. */
const MANY_COMMANDS_MS = 240_000;

describe('completion in bash', () => {
  test(
    'knows commands, their subcommands, options and choices',
    async () => {
      const home = makeUser();
      expect(await pressTab(home, 're')).toEqual(['redeploy', 'releases']);
      expect(await pressTab(home, 'serv')).toEqual(['server']);
      expect(await pressTab(home, 'tokens', '')).toEqual([
        'create',
        'list',
        'revoke',
        'approve',
        'deny',
        'help',
      ]);
      expect(await pressTab(home, 'releases', '--')).toEqual([
        '--json',
        '--yes',
        '--app',
        '--limit',
        '--server',
      ]);
      expect(await pressTab(home, 'tokens', 'create', 'ci', '--role', '')).toEqual([
        'viewer',
        'deployer',
        'admin',
      ]);
      expect(await pressTab(home, 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
      expect(await pressTab(home, 'complet')).toEqual(['completion']);
    },
    MANY_COMMANDS_MS,
  );

  test('looks up apps, versions and branches', async () => {
    const server = await startStubControl({
      'GET /apps?limit=200': { json: { items: [{ name: 'hello' }, { name: 'other' }] } },
      'GET /apps/hello/deployments': { json: { items: [{ version: 2 }, { version: 1 }] } },
    });
    const home = makeUser();
    home.environment['FN_SERVER'] = server.url;
    home.environment['FN_TOKEN'] = TOKEN;
    await run(home, 'git', ['init', '-q', '-b', 'main']);
    const commit = ['-c', 'user.name=A', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty'];
    await run(home, 'git', [...commit, '-m', 'x']);
    await run(home, 'git', ['branch', 'feature/x']);
    expect(await pressTab(home, 'releases', '--app', 'h')).toEqual(['hello']);
    expect(await pressTab(home, 'rollback', '--app', 'hello', 'v')).toEqual(['v2', 'v1']);
    expect(await pressTab(home, 'attach', 'f')).toEqual(['feature/x']);
    expect(await pressTab(home, 'deploy', '--branch', '')).toEqual(['feature/x', 'main']);
  });

  test('looks up functions, as the command here would understand them', async () => {
    const [one, two] = ['one', 'two'].map((name) => ({ name, app: 'several', function: name }));
    const single = { name: 'single', app: 'single', function: 'main' };
    const server = await startStubControl({
      'GET /functions?limit=200': { json: { items: [one, two, single] } },
      'GET /functions?limit=200&app=several': { json: { items: [one, two] } },
    });
    const home = makeUser();
    home.environment['FN_SERVER'] = server.url;
    home.environment['FN_TOKEN'] = TOKEN;
    expect(await pressTab(home, 'metrics', '--app', 'several', '--function', '')).toEqual([
      'one',
      'two',
    ]);
    expect(await pressTab(home, 'invoke', '--function', 's')).toEqual([
      'several',
      'several:one',
      'several:two',
      'single',
    ]);
  });

  test('stays silent when nothing can be looked up', async () => {
    const home = makeUser();
    home.environment['FN_SERVER'] = 'http://localhost:1';
    home.environment['FN_TOKEN'] = TOKEN;
    expect(await pressTab(home, 'releases', '--app', '')).toEqual([]);
    expect(await pressTab(home, 'open', '--nothing', '')).toEqual([]);
    const hanging = await startStubControl({ 'GET /functions?limit=200': { hangs: true } });
    home.environment['FN_SERVER'] = hanging.url;
    expect(await pressTab(home, 'logs', '--function', '')).toEqual([]);
    expect(hanging.seen).toHaveLength(1);
  });
});

describe.each(['zsh', 'fish'] as const)('completion in %s', (shell) => {
  beforeAll(() => provideProgram(`/usr/bin/${shell}`, shell));

  test(
    'knows commands, their subcommands, options and choices, and offers files where it knows nothing',
    async () => {
      const home = makeUser();
      await run(home, 'touch', ['readme.txt']);
      const offers = (...words: string[]): Promise<string[]> => OFFERS[shell](home, ...words);
      expect(await offers('re')).toEqual(['redeploy', 'releases']);
      expect(await offers('tokens', 'a')).toEqual(['approve']);
      const roles = await offers('tokens', 'create', 'ci', '--role', '');
      expect(roles).toEqual(['viewer', 'deployer', 'admin']);
      expect(await offers('open', '--nothing', '')).toContain('readme.txt');
    },
    MANY_COMMANDS_MS,
  );
});

test.each(['bash', 'zsh', 'fish'])(
  'fn completion %s prints a script that asks fn',
  async (shell) => {
    const { code, stdout } = await runFn(makeHome(), 'completion', shell);
    expect(code).toBe(0);
    expect(stdout).toContain('fn complete -- ');
  },
);

test('fn completion of another shell names those that there are', async () => {
  const { code, stderr } = await runFn(makeHome(), 'completion', 'powershell');
  expect(code).toBe(2);
  expect(stderr).toContain('bash, zsh, fish');
});
