import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { createRepository } from '../support/repository.ts';
import { startPush } from '../support/running-push.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

/** Takes its time to load, so that there is a push to look at. */
const slow = (word: string, ms = 3000) => ({
  'index.ts':
    `await new Promise((resolve) => setTimeout(resolve, ${ms}));\n` +
    `export default () => new Response('${word}');\n`,
});

/** Would be built for minutes: longer than any test waits. */
const ENDLESS = { 'fn.json': '{ "build": { "command": "sleep 290" } }' };

describe('a push whose pusher presses Ctrl-C during the build', () => {
  it('goes on, is shown by fn attach from its beginning to its end, and is live', async () => {
    const repository = await createRepository(platform(), 'interrupted');
    const sha = await repository.commit(slow('built'));
    const push = await startPush(repository, 'main');
    await push.interrupt();
    expect(push.output()).not.toContain('Live:');
    const attached = await repository.fn('attach');
    expect(attached.code, attached.output).toBe(0);
    expect(attached.output).toMatch(/^Push of main \([0-9a-f]{7}\) by admin, just now$/m);
    expect(attached.output).toContain('-----> Building interrupted at');
    expect(attached.output).toContain('-----> Live: production v1 of interrupted');
    const answer = await ask(platform(), 'interrupted');
    expect(answer).toMatchObject({ body: 'built', headers: { 'x-fn-commit': sha } });
    const remote = await repository.git('ls-remote', 'fn', 'refs/heads/main');
    expect(remote.output).toContain(sha);
  });
});

describe('fn attach', () => {
  it('follows a running push live and ends with the exit code of its outcome', async () => {
    const repository = await createRepository(platform(), 'followed');
    await repository.commit({
      'index.ts': `${slow('x')['index.ts']}throw new Error('not today');\n`,
    });
    const push = await startPush(repository, 'main');
    const attached = await repository.fn('attach', 'main', '--json');
    expect(attached.code).toBe(5);
    const lines = attached.output.trim().split('\n');
    const outputs = lines.slice(0, -1).map((line) => JSON.parse(line) as object);
    expect(outputs).toContainEqual({ line: expect.stringContaining('not today') });
    expect(outputs.at(-1)).toEqual({ outcome: 'release-failed' });
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ error: { code: 'release-failed' } });
    expect(await push.ended).toBe(1);
  });

  it('shows a push that has ended, and says so when there is none', async () => {
    const repository = await createRepository(platform(), 'ended');
    const none = await repository.fn('attach');
    expect(none.code).toBe(2);
    expect(none.output).toContain('there is no app "ended"');
    await repository.commit({ 'index.ts': 'export default (;\n' });
    await repository.push('main');
    const shown = await repository.fn('attach');
    expect(shown.code).toBe(4);
    expect(shown.output).toContain('index.ts:1');
    const other = await repository.fn('attach', 'topic');
    expect(other.code).toBe(2);
    expect(other.output).toContain('no push "topic" of ended runs');
  });
});

describe('fn cancel', () => {
  it('ends a push in its build: its pusher sees who did it, and no ref moves', async () => {
    const repository = await createRepository(platform(), 'cancelled');
    const good = await repository.commit({ 'index.ts': slow('good', 0)['index.ts'] });
    await repository.push('main');
    await repository.commit(ENDLESS);
    const push = await startPush(repository, 'main');
    const cancelled = await repository.fn('cancel');
    expect(cancelled.code, cancelled.output).toBe(0);
    expect(cancelled.output).toContain('-----> Cancelled the push of main');
    expect(await push.ended).toBe(1);
    expect(push.output()).toContain(' !     cancelled by admin');
    const remote = await repository.git('ls-remote', 'fn', 'refs/heads/main');
    expect(remote.output).toContain(good);
    expect((await ask(platform(), 'cancelled')).body).toBe('good');
    const releases = await repository.fn('releases');
    expect(releases.output).toMatch(/v2 +failed .* cancelled by admin/);
  });

  it('says when there is nothing to cancel', async () => {
    const repository = await createRepository(platform(), 'idle');
    await repository.commit({ 'index.ts': slow('idle', 0)['index.ts'] });
    await repository.push('main');
    const none = await repository.fn('cancel');
    expect(none.code).toBe(2);
    expect(none.output).toContain('nothing to cancel');
    expect(none.output).toContain('fn rollback');
    expect((await repository.fn('cancel', 'main')).output).toContain('no push "main" of idle');
  });

  it('asks which one when several run', async () => {
    const repository = await createRepository(platform(), 'two');
    await repository.commit({ ...slow('main', 0), ...ENDLESS });
    const first = await startPush(repository, 'main');
    const second = await startPush(repository, 'main:topic');
    const unclear = await repository.fn('cancel');
    expect(unclear.code).toBe(2);
    expect(unclear.output).toMatch(/2 pushes are being built: push-\w+: topic .*; push-\w+: main/);
    expect(await repository.fn('cancel', 'topic')).toMatchObject({ code: 0 });
    expect(await second.ended).toBe(1);
    expect(await repository.fn('cancel')).toMatchObject({ code: 0 });
    expect(await first.ended).toBe(1);
  });
});
