/** Which of the platform's processes hold a secret: all of their memory is read. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { formsOf, foundInMemory, type Sought } from '../support/process-memory.ts';
import { descendantsOf, type ProcessFacts } from '../support/processes.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform({ env: { VERBOSE: 'true' } });

const random = (name: string): string => `${name}-${randomBytes(12).toString('hex')}`;
const VALUES = { 'old value': random('old'), value: random('value'), plain: random('plain') };
/** In the code of each app, so that its workers are known. */
const APPS = { careful: random('careful'), other: random('other') };
const sought: Record<string, readonly Buffer[]> = {};

const codeOf = (app: keyof typeof APPS): Record<string, string> => ({
  'index.js': `globalThis.mark = '${APPS[app]}';
export default () => new Response(process.env.API_KEY ?? 'none');
`,
});

/** What each of the processes holds, by what the process is. */
function holders(): ReadonlyMap<string, readonly string[]> {
  const all = descendantsOf(platform().pid);
  const marks: Sought = { careful: formsOf(APPS.careful), other: formsOf(APPS.other) };
  const held = new Map<string, string[]>();
  const note = (name: string, pid: number): void => {
    held.set(name, [...new Set([...(held.get(name) ?? []), ...foundInMemory(pid, sought)])]);
  };
  note('supervisor', platform().pid);
  for (const one of all) {
    const [app] = isSandbox(one) ? foundInMemory(one.pid, marks) : [];
    note(app === undefined ? nameOf(one) : `worker of ${app}`, one.pid);
  }
  return held;
}

function nameOf(one: ProcessFacts): string {
  const program = /\/programs\/([\w-]+)\.mjs$/.exec(one.commandLine)?.[1];
  if (program !== undefined) return program;
  return isSandbox(one) ? 'sandbox' : (one.commandLine.split(/[ :]/)[0] ?? '');
}

/** Zygotes, workers and builders: what they run is part of no installation. */
function isSandbox({ commandLine }: ProcessFacts): boolean {
  return /^\S+ .* \/runner[./]/.test(commandLine) && !commandLine.includes('/bwrap ');
}

/** Who holds it, but for those who may. */
function strangers(
  held: ReadonlyMap<string, readonly string[]>,
  name: string,
  mayHold: readonly string[],
): string[] {
  return [...held]
    .filter(([holder, names]) => names.includes(name) && !mayHold.includes(holder))
    .map(([holder]) => holder);
}

async function pushed(app: keyof typeof APPS): Promise<TestRepository> {
  const repository = await createRepository(platform(), app);
  await repository.commit(codeOf(app));
  expect((await repository.push('main')).code).toBe(0);
  return repository;
}

/** Of a link to the app, which was opened by it once. */
async function shareSecret(repository: TestRepository): Promise<string> {
  expect((await repository.fn('access', 'private')).code).toBe(0);
  const { output } = await repository.fn('access', 'share', '--json');
  const { searchParams } = new URL((JSON.parse(output) as { url: string }).url);
  const secret = searchParams.get('fn-share') ?? '';
  expect(secret).not.toBe('');
  const opened = await ask(platform(), 'other', { headers: { 'x-fn-share': secret } });
  expect(opened.body).toBe('none');
  expect((await repository.fn('access', 'public')).code).toBe(0);
  return secret;
}

beforeAll(async () => {
  const repository = await pushed('careful');
  sought['share link'] = formsOf(await shareSecret(await pushed('other')));
  const request = { name: 'person', kind: 'personal', role: 'viewer' };
  const made = await callControl(platform(), '/tokens', { method: 'POST', body: request });
  const { token } = JSON.parse(made.body) as { token: string };
  await callControl(platform(), '/apps/careful', { token });
  for (const value of [VALUES['old value'], VALUES.value]) {
    const set = await repository.fn('env', 'set', `API_KEY=${value}`, `MOTTO=${VALUES.plain}`);
    expect(set.code, set.output).toBe(0);
    expect((await ask(platform(), 'careful')).body).toBe(value);
    expect((await ask(platform(), 'other')).body).toBe('none');
  }
  const key = (await readFile(join(platform().dataDir, 'master-key'), 'utf8')).trim();
  for (const [name, value] of Object.entries(VALUES)) sought[name] = formsOf(value);
  sought['token'] = formsOf(token);
  sought['master key'] = [...formsOf(key), Buffer.from(key, 'base64')];
});

const OPENS = ['supervisor', 'control'];

describe.runIf(process.getuid?.() === 0)('while it is in use', () => {
  let held: ReturnType<typeof holders>;
  beforeAll(() => {
    held = holders();
  });

  it('a value is held by who opens it, by its own workers, and by the door that it came through', () => {
    const mayHold = [...OPENS, 'data', 'worker of careful'];
    expect(held.get('worker of careful')).toContain('value');
    for (const name of Object.keys(VALUES)) expect(strangers(held, name, mayHold)).toEqual([]);
  });

  it('a token or share link is held by control and by the door, the master key by control and the supervisor', () => {
    expect(strangers(held, 'token', ['control', 'data'])).toEqual([]);
    expect(strangers(held, 'share link', ['control', 'data'])).toEqual([]);
    expect(strangers(held, 'master key', OPENS)).toEqual([]);
    expect(OPENS.every((name) => held.get(name)?.includes('master key'))).toBe(true);
  });
});

describe.runIf(process.getuid?.() === 0)('by processes that began anew', () => {
  let held: ReturnType<typeof holders>;
  beforeAll(async () => {
    await platform().restart();
    expect((await ask(platform(), 'careful')).body).toBe(VALUES.value);
    expect((await ask(platform(), 'other')).body).toBe('none');
    held = holders();
  });

  it('a value is held by who opens it and by its own workers: it crosses no door on its way there', () => {
    // The function has answered with it.
    expect(strangers(held, 'plain', [...OPENS, 'worker of careful'])).toEqual([]);
    expect(held.get('worker of careful')).toEqual(['value', 'plain']);
    expect(held.has('data') && held.has('worker of other') && held.has('sandbox')).toBe(true);
  });

  it.each(['old value', 'token', 'share link'])(
    '%s: nobody holds what nobody has shown',
    (name) => {
      expect(strangers(held, name, [])).toEqual([]);
    },
  );
});
