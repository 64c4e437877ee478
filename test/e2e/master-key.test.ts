import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { spawnServer } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();
/** For tests that start the server again. */
const RESTART_DEADLINE_MS = 180_000;
const keyFile = (): string => join(platform().dataDir, 'master-key');

async function deployGreeter(app: string) {
  const repository = await createRepository(platform(), app);
  await repository.commit({
    'index.ts': "export default () => new Response(process.env.GREETING_KEY ?? 'unset');\n",
  });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  expect(await repository.fn('env', 'set', 'GREETING_KEY=hello')).toMatchObject({ code: 0 });
  return repository;
}

it('is replaced while requests run, and none of them fails', async () => {
  const repository = await deployGreeter('steady');
  const before = await readFile(keyFile(), 'utf8');
  const answers = new Map<string, number>();
  const done = new AbortController();
  const load = async (): Promise<void> => {
    while (!done.signal.aborted) {
      const { status, body } = await ask(platform(), 'steady');
      answers.set(`${status} ${body}`, (answers.get(`${status} ${body}`) ?? 0) + 1);
    }
  };
  const running = [load(), load(), load()];
  const rotated = await repository.fn('master-key', 'rotate', '--json');
  expect(rotated).toMatchObject({ code: 0 });
  // New workers, whose environment was sealed anew.
  await callControl(platform(), '/apps/steady/redeploy', { method: 'POST', body: {} });
  done.abort();
  await Promise.all(running);
  expect([...answers.keys()]).toEqual(['200 hello']);
  const after = await readFile(keyFile(), 'utf8');
  expect(after.trim().split('\n')).toHaveLength(1);
  expect(after).not.toBe(before);
  expect(await repository.fn('env', 'set', 'GREETING_KEY=again')).toMatchObject({ code: 0 });
  expect((await ask(platform(), 'steady')).body).toBe('again');
});

it('may be replaced by platform admins only', async () => {
  const created = await callControl(platform(), '/tokens', {
    method: 'POST',
    body: { name: 'deployer', role: 'deployer' },
  });
  const { token } = JSON.parse(created.body) as { token: string };
  const refused = await callControl(platform(), '/master-key/rotation', { method: 'POST', token });
  expect(refused.status).toBe(403);
});

/** Starts the server, which must refuse, on the platform's folder. */
async function startRefused(): Promise<string> {
  const { child, output } = spawnServer({
    env: { PORT: String(platform().port), FN_DATA_DIR: platform().dataDir },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(1);
  return output();
}

it(
  'keeps the server from starting when it is another or is gone; then all is there again',
  async () => {
    await deployGreeter('kept');
    await platform().stop();
    const right = await readFile(keyFile(), 'utf8');
    await rm(keyFile());
    expect(await startRefused()).toMatch(/master key is gone[\s\S]*backup/);
    await writeFile(keyFile(), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    expect(await startRefused()).toMatch(/master key .* is not the one[\s\S]*backup/);
    // As an interrupted rotation leaves the file before anything was encrypted anew: the start completes it.
    const added = randomBytes(32).toString('base64');
    await writeFile(keyFile(), `${added}\n${right}`, { mode: 0o600 });
    await platform().restart();
    expect((await readFile(keyFile(), 'utf8')).trim()).toBe(added);
    expect((await ask(platform(), 'kept')).body).toBe('hello');
    const view = await callControl(platform(), '/apps/kept/environment');
    expect(view).toMatchObject({ status: 200 });
  },
  RESTART_DEADLINE_MS,
);
