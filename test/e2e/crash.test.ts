import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import type { Platform } from '../support/platform.ts';
import { descendantsOf } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

const greeting = (text: string): string =>
  `export const handler = async () => ({ statusCode: 200, body: '${text}' });\n`;

/** Pids of one of the platform's processes, by what stands on its command line. */
function pidsOf(running: Platform, pattern: RegExp): number[] {
  return descendantsOf(running.pid)
    .filter((found) => pattern.test(found.commandLine))
    .map((found) => found.pid);
}

/** Some of a tree may end with the first that is killed. */
function signalAll(pids: number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function becomesReady(running: Platform): Promise<void> {
  await eventually(async () => {
    const { status, body } = await ask(running, '', { path: '/readyz' });
    const { degraded } = JSON.parse(body) as { degraded: unknown[] };
    expect({ status, degraded }).toEqual({ status: 200, degraded: [] });
  });
}

describe('kill -9', () => {
  it.each([
    ['control', /programs\/control\.mjs$/],
    ['the git front', /programs\/git\.mjs$/],
    ['the database', /bin\/postgres -D/],
    ['data', /programs\/data\.mjs$/],
  ])('of %s: what is live serves on or again, and a push succeeds', async (name, pattern) => {
    const app = `kill-${name.split(' ').at(-1)}`;
    const repository = await createRepository(platform(), app);
    await repository.commit({ 'index.ts': greeting('before') });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    const pids = pidsOf(platform(), pattern);
    expect(pids.length).toBeGreaterThan(0);
    signalAll(pids, 'SIGKILL');
    expect(await eventually(() => ask(platform(), app))).toMatchObject({ body: 'before' });
    await eventually(() => {
      const now = pidsOf(platform(), pattern);
      expect(now.length).toBeGreaterThan(0);
      expect(now).not.toEqual(expect.arrayContaining(pids));
    });
    await becomesReady(platform());
    await repository.commit({ 'index.ts': greeting('after') });
    const pushed = await eventually(async () => {
      const result = await repository.push('main');
      expect(result).toMatchObject({ code: 0 });
      return result;
    });
    expect(pushed.output).toContain('Live: production');
    expect((await ask(platform(), app)).body).toBe('after');
  });

  it('of the launcher, with which all sandboxes end: functions serve again, and a push succeeds', async () => {
    const pattern = /programs\/launcher\.cjs$/;
    const repository = await createRepository(platform(), 'kill-launcher');
    await repository.commit({ 'index.ts': greeting('before') });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    const before = pidsOf(platform(), pattern);
    expect(before).toHaveLength(1);
    signalAll(before, 'SIGKILL');
    await eventually(async () => {
      expect((await ask(platform(), 'kill-launcher')).body).toBe('before');
      expect(pidsOf(platform(), pattern)).not.toEqual(before);
    });
    await repository.commit({ 'index.ts': greeting('after') });
    await eventually(async () => expect(await repository.push('main')).toMatchObject({ code: 0 }));
    expect((await ask(platform(), 'kill-launcher')).body).toBe('after');
  });

  it('of the supervisor: the next start serves what was live, with its history', async () => {
    const repository = await createRepository(platform(), 'everything');
    const first = await repository.commit({ 'index.ts': greeting('one') });
    await repository.push('main');
    await repository.commit({ 'index.ts': greeting('two') });
    await repository.push('main', 'main:topic');
    await platform().kill9();
    await platform().restart();
    expect((await ask(platform(), 'everything')).body).toBe('two');
    expect((await ask(platform(), 'topic--everything')).body).toBe('two');
    expect((await ask(platform(), `${first.slice(0, 12)}--everything`)).body).toBe('one');
    expect(await repository.fn('rollback')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'everything')).body).toBe('one');
  });

  it('of the supervisor in the middle of a push: the push is released or refused, never half', async () => {
    const repository = await createRepository(platform(), 'middle');
    await repository.commit({ 'index.ts': greeting('old') });
    await repository.push('main');
    const sha = await repository.commit({ 'index.ts': greeting('new') });
    const pushing = repository.push('main');
    await eventually(() => pidsOf(platform(), /git-receive-pack|git receive-pack/).length > 0);
    await platform().kill9();
    await pushing;
    await platform().restart();
    const remote = await eventually(async () => {
      const listed = await repository.git('ls-remote', 'fn', 'refs/heads/main');
      expect(listed.code).toBe(0);
      return listed;
    });
    const expected = remote.output.includes(sha) ? 'new' : 'old';
    await eventually(async () => expect((await ask(platform(), 'middle')).body).toBe(expected));
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    await eventually(async () => expect((await ask(platform(), 'middle')).body).toBe('new'));
  });
});

describe('with the database stopped', () => {
  it('functions serve, and what needs it is told as degraded', async () => {
    const repository = await createRepository(platform(), 'degraded');
    await repository.commit({ 'index.ts': greeting('serves') });
    await repository.push('main');
    const stopped = pidsOf(platform(), /postgres/);
    signalAll(stopped, 'SIGSTOP');
    try {
      expect((await ask(platform(), 'degraded')).body).toBe('serves');
      const { body } = await ask(platform(), '', { path: '/readyz' });
      expect(JSON.parse(body)).toMatchObject({ serving: true, degraded: ['database'] });
    } finally {
      signalAll(stopped, 'SIGCONT');
    }
    await becomesReady(platform());
  });
});

describe('with control and the database stopped', () => {
  it('a data process that has just started wakes a sleeping function with its environment', async () => {
    const repository = await createRepository(platform(), 'alone');
    await repository.commit({
      'index.ts': 'export const handler = async () => ({ app: process.env.FN_APP });\n',
    });
    await repository.push('main');
    const stopped = pidsOf(platform(), /programs\/control\.mjs|postgres/);
    signalAll(stopped, 'SIGSTOP');
    try {
      signalAll(pidsOf(platform(), /programs\/data\.mjs$/), 'SIGKILL');
      const answer = await eventually(async () => {
        const asked = await ask(platform(), 'alone');
        expect(asked.status).toBe(200);
        return asked;
      });
      const readiness = await ask(platform(), '', { path: '/readyz' });
      expect(JSON.parse(readiness.body)).toMatchObject({ serving: true, degraded: ['control'] });
      expect(JSON.parse(answer.body)).toEqual({ app: 'alone' });
      expect(answer.headers['x-fn-cold-start']).toMatch(/^\d/);
    } finally {
      signalAll(stopped, 'SIGCONT');
    }
    await becomesReady(platform());
  });
});
