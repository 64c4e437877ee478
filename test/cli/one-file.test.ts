import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Value } from 'typebox/value';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { findNode20 } from '../support/node-20.ts';
import { usePlatform } from '../support/use-platform.ts';
import { type Finished, type Home, makeHome, run } from './run-fn.ts';

const JSON_PAGE = readFileSync(join(import.meta.dirname, '../../docs/json.md'), 'utf8');
const platform = usePlatform();
let node20: string;

beforeAll(async () => {
  node20 = await findNode20();
});

/** A laptop: a home, git, curl, and the oldest Node that the command line promises to run on. */
function makeLaptop(name = 'hello'): Home & { fn: (...args: string[]) => Promise<Finished> } {
  const home = makeHome(name);
  const bin = join(home.folder, '../bin');
  mkdirSync(bin);
  const { PATH = '' } = home.environment;
  // A script, since the program finds what it needs beside itself.
  writeFileSync(join(bin, 'node'), `#!/bin/sh\nexec '${node20}' "$@"\n`, { mode: 0o755 });
  home.environment['PATH'] = `${bin}:${PATH}`;
  return { ...home, fn: (...args) => run(home, join(bin, 'fn'), args) };
}

async function install(laptop: Home): Promise<void> {
  const path = join(laptop.folder, '../bin/fn');
  await run(laptop, 'curl', ['-fsS', `http://localhost:${platform().port}/cli/fn.mjs`, '-o', path]);
  chmodSync(path, 0o755);
}

async function logIn(laptop: ReturnType<typeof makeLaptop>): Promise<void> {
  const url = `http://localhost:${platform().port}`;
  writeFileSync(join(laptop.folder, '../token'), platform().adminToken, { mode: 0o600 });
  const done = await laptop.fn('login', url, '--token-file', '../token');
  expect(done).toMatchObject({ code: 0, stderr: '' });
}

describe('the command line as one file', () => {
  it('is handed out to everybody, and again only when it is another', async () => {
    const first = await ask(platform(), '', { path: '/cli/fn.mjs' });
    expect(first.status).toBe(200);
    expect(first.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
    });
    expect(first.body).toMatch(/^#!\/usr\/bin\/env node\n/);
    const { etag = '' } = first.headers;
    const again = await ask(platform(), '', {
      path: '/cli/fn.mjs',
      headers: { 'if-none-match': etag },
    });
    expect(again).toMatchObject({ status: 304, body: '' });
  });

  it('deploys, sets values, reads logs and rolls back with Node 20 and git alone', async () => {
    const laptop = makeLaptop();
    await install(laptop);
    await logIn(laptop);
    expect(await laptop.fn('init', '--yes')).toMatchObject({ code: 0, stderr: '' });
    const write = (greeting: string): void => {
      const code = `export default () => { console.log('said'); return new Response('${greeting} ' + process.env.WHOM); };\n`;
      writeFileSync(join(laptop.folder, 'index.js'), code);
    };
    const git = (...args: string[]): Promise<Finished> => run(laptop, 'git', args);
    await git('config', 'user.name', 'Somebody');
    await git('config', 'user.email', 'somebody@example.com');

    write('Hello');
    await git('add', '.');
    await git('commit', '--quiet', '--message', 'Say hello');
    // By git itself, which asks the one file's helper for the token.
    expect(await git('push', '--quiet', 'fn', 'main')).toMatchObject({ code: 0 });
    expect(await laptop.fn('env', 'set', 'WHOM=world', '--yes')).toMatchObject({ code: 0 });
    expect(await read()).toBe('Hello world');
    write('Bye');
    expect(await laptop.fn('deploy')).toMatchObject({ code: 0 });
    expect(await read()).toBe('Bye world');
    expect(await laptop.fn('rollback')).toMatchObject({ code: 0, stderr: '' });
    expect(await read()).toBe('Hello world');
    await eventually(async () => {
      const { stdout } = await laptop.fn('logs', '--limit', '50');
      expect(stdout).toContain('said');
    });

    async function read(): Promise<string> {
      return (await ask(platform(), 'hello', {})).body;
    }
  });

  it('prints with --json what the description of the API says', async () => {
    const laptop = makeLaptop();
    await install(laptop);
    await logIn(laptop);
    const described = await ask(platform(), '', { path: '/openapi.json' });
    const answers = answersOf(JSON.parse(described.body) as OpenApi);
    const rows = JSON_PAGE.matchAll(/^\| `fn ([a-z ]+)` +\| (the answer|`items`) of `(\w+)`/gm);
    const operations = new Map(
      [...rows].map(([, command = '', what, operation = '']) => [
        command,
        { operation, isItems: what === '`items`' },
      ]),
    );
    for (const args of [
      ['apps', 'list'],
      ['apps', 'info', 'hello'],
      ['inspect', '--app', 'hello'],
      ['metrics', '--app', 'hello'],
      ['invoke', '--function', 'hello', '--version', '1'],
      ['domains', 'list', '--app', 'hello'],
      ['releases', '--app', 'hello'],
      ['env', 'set', 'WHOM=all', '--app', 'hello'],
      ['env', 'list', '--app', 'hello'],
      ['redeploy', '--app', 'hello'],
      ['rollback', '--function', 'hello', '--version', '1'],
      ['tokens', 'list'],
      ['whoami'],
    ]) {
      const name = operations.has(args[0] ?? '') ? args[0] : args.slice(0, 2).join(' ');
      const { operation, isItems } = operations.get(name ?? '') ?? { operation: 'none' };
      const schema = answers.get(operation);
      expect(schema, `${name} has ${operation}`).toBeDefined();
      const printed = await laptop.fn(...args, '--json');
      expect({ args, ...printed }).toMatchObject({ args, code: 0, stderr: '' });
      const document = JSON.parse(printed.stdout) as object;
      const problems = Value.Errors(schema ?? {}, isItems ? { next: null, ...document } : document);
      // The command adds what the server does not know: by which URL it was asked.
      const missing = problems.filter(({ keyword }) => keyword !== 'additionalProperties');
      expect({ args, missing }).toEqual({ args, missing: [] });
    }
    const logs = await laptop.fn('logs', '--function', 'hello', '--json');
    const entries = logs.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(entries.length).toBeGreaterThan(0);
    for (const entry of entries) expect(entry).toMatchObject({ id: expect.any(String) });
  });

  it('shows metrics again and again, and the domains of all apps', async () => {
    const laptop = makeLaptop();
    await install(laptop);
    await logIn(laptop);
    const command = 'fn metrics --app hello --watch 1s | head -n 2';
    const watched = await run(laptop, 'bash', ['-c', command]);
    expect(watched.stdout).toMatch(
      /^\S+Z \d+ invocations, .*\n\S+Z \d+ invocations \(\+\d+\), .*\n$/,
    );
    const domains = await laptop.fn('domains', 'list', '--json', '--all');
    expect(JSON.parse(domains.stdout)).toEqual({ items: [] });
  });

  it('stores a helper for git that no other user may change or read', async () => {
    const laptop = makeLaptop();
    await install(laptop);
    await logIn(laptop);
    await laptop.fn('init', '--yes');
    const helper = join(laptop.configFile, '../fn-credential');
    expect(readFileSync(helper, 'utf8')).toBe(
      readFileSync(join(import.meta.dirname, '../../bin/fn-credential'), 'utf8'),
    );
    expect(statSync(helper).mode & 0o777).toBe(0o700);
  });

  it('runs under every name that people give it', async () => {
    const laptop = makeLaptop();
    await install(laptop);
    for (const name of ['fn.mjs', 'fn.cjs', 'fn.js', 'fn-of-work']) {
      writeFileSync(join(laptop.folder, name), readFileSync(join(laptop.folder, '../bin/fn')));
      const ran = await run(laptop, node20, [name, 'help', 'deploy']);
      expect({ name, ...ran }).toMatchObject({ name, code: 0, stderr: '' });
      expect(ran.stdout).toContain('Usage: fn deploy');
    }
    const ran = await run(laptop, process.execPath, ['fn-of-work', 'help', 'deploy']);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
  });

  it('says where the platform itself runs', async () => {
    const laptop = makeLaptop();
    await install(laptop);
    for (const command of ['server', 'dev', 'doctor']) {
      const failed = await laptop.fn(command, '--port', '1', '--json');
      expect(failed).toMatchObject({ code: 1, stdout: '' });
      const { error } = JSON.parse(failed.stderr) as { error: { hint: string } };
      expect(error.hint).toContain(`bin/fn ${command}`);
    }
  });
});

interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, object> };
}

interface Operation {
  operationId?: string;
  responses?: Record<string, { content?: Record<string, { schema?: object }> }>;
}

/** Operation → the schema of its answer, with what it refers to in its place. */
function answersOf({ paths, components }: OpenApi): Map<string, object> {
  const whole = (schema: unknown): unknown => {
    if (Array.isArray(schema)) return schema.map(whole);
    if (typeof schema !== 'object' || schema === null) return schema;
    const name = '$ref' in schema ? String(schema.$ref).split('/').at(-1) : undefined;
    if (name !== undefined) return whole(components?.schemas?.[name]);
    return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, whole(value)]));
  };
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  return new Map(
    operations.flatMap(({ operationId = '', responses = {} }) => {
      const [, answer] = Object.entries(responses).find(([status]) => status.startsWith('2')) ?? [];
      const schema = answer?.content?.['application/json']?.schema;
      return schema === undefined ? [] : [[operationId, whole(schema) as object] as const];
    }),
  );
}
