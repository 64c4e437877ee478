import { describe, expect, it } from 'vitest';
import type { DeploymentDetail } from '../../src/protocol/control-client.generated.ts';
import { ask } from '../support/ask.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

/** Each worker makes up a name of its own. */
const NAMED = `const name = Math.random();\nexport default () => new Response('WORD ' + name);\n`;
const saying = (word: string) => ({ 'index.ts': NAMED.replace('WORD', word) });

async function inspect(by: TestRepository, ...target: string[]): Promise<DeploymentDetail> {
  const { code, output } = await by.fn('inspect', ...target, '--json');
  expect(code, output).toBe(0);
  return JSON.parse(output) as DeploymentDetail;
}

describe('fn redeploy', () => {
  it('serves the live bundle from fresh workers, as a new version, without a build', async () => {
    const repository = await createRepository(platform(), 'again');
    const sha = await repository.commit(saying('one'));
    await repository.push('main');
    const before = (await ask(platform(), 'again')).body;
    expect((await ask(platform(), 'again')).body).toBe(before);
    const redeployed = await repository.fn('redeploy');
    expect(redeployed).toMatchObject({ code: 0 });
    expect(redeployed.output).toContain('as v2');
    const answer = await ask(platform(), 'again');
    expect(answer.body).toMatch(/^one /);
    expect(answer.body).not.toBe(before);
    expect(answer.headers).toMatchObject({ 'x-fn-version': 'v2', 'x-fn-commit': sha });
    expect(await inspect(repository)).toMatchObject({ trigger: 'redeploy', sourceVersion: 1 });
  });

  it('takes a version or a branch, and leaves the other hosts alone', async () => {
    const repository = await createRepository(platform(), 'branches');
    await repository.commit(saying('one'));
    await repository.push('main');
    await repository.commit(saying('two'));
    await repository.push('main:feature/two', 'main');
    expect(await repository.fn('redeploy', 'v1')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'branches')).body).toMatch(/^one /);
    const preview = (await ask(platform(), 'feature-two--branches')).body;
    expect(await repository.fn('redeploy', 'feature/two')).toMatchObject({ code: 0 });
    const answer = (await ask(platform(), 'feature-two--branches')).body;
    expect(answer).toMatch(/^two /);
    expect(answer).not.toBe(preview);
    expect((await ask(platform(), 'branches')).body).toMatch(/^one /);
  });

  it('says why there is nothing to deploy again', async () => {
    const repository = await createRepository(platform(), 'nothing');
    await repository.commit({ 'index.ts': 'export default (;\n' });
    await repository.push('main');
    const none = await repository.fn('redeploy');
    expect(none.code).toBe(2);
    expect(none.output).toContain('serves nothing yet');
    const failed = await repository.fn('redeploy', 'v1');
    expect(failed.code).toBe(8);
    expect(failed.output).toContain('v1 was never live');
    await repository.commit(saying('gone'));
    await repository.push('main', 'main:topic');
    const topic = await inspect(repository, 'topic');
    await repository.push('--delete', 'topic');
    const gone = await repository.fn('redeploy', `v${topic.version}`);
    expect(gone.code).toBe(8);
    expect(gone.output).toContain('fn deploy');
    expect((await ask(platform(), 'topic--nothing')).status).toBe(404);
  });
});

describe('fn promote', () => {
  const telling = (word: string) => ({
    'index.ts': `export default () => new Response('${word} for ' + process.env.AUDIENCE);\n`,
    'release.js': `console.log('migrated for ' + process.env.AUDIENCE);\n`,
    Procfile: 'release: node release.js\n',
  });

  it('serves what a preview serves, with the environment and the release command of production', async () => {
    const repository = await createRepository(platform(), 'promoted');
    await repository.commit(telling('one'));
    await repository.push('main');
    for (const [value, scope] of Object.entries({ all: 'production', us: 'preview' })) {
      const set = await repository.fn('env', 'set', `AUDIENCE=${value}`, '--scope', scope, '--yes');
      expect(set.code, set.output).toBe(0);
    }
    const sha = await repository.commit(telling('two'));
    await repository.push('main:topic');
    expect((await ask(platform(), 'topic--promoted')).body).toBe('two for us');
    const { bundle } = await inspect(repository, 'topic');
    const promoted = await repository.fn('promote', 'topic');
    expect(promoted.code, promoted.output).toBe(0);
    expect(promoted.output).toContain('migrated for all');
    const answer = await ask(platform(), 'promoted');
    expect(answer.body).toBe('two for all');
    expect(answer.headers['x-fn-commit']).toBe(sha);
    expect(await inspect(repository)).toMatchObject({
      trigger: 'promote',
      kind: 'production',
      bundle,
    });
    expect((await ask(platform(), 'topic--promoted')).body).toBe('two for us');
    expect(await repository.fn('rollback')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'promoted')).body).toBe('one for all');
  });

  it('leaves production alone where a push would have been refused', async () => {
    const repository = await createRepository(platform(), 'held');
    const needing = (word: string) => ({
      'index.ts': `export default () => new Response('${word}');\n`,
      'app.json': JSON.stringify({ env: { NEEDED: { required: word !== 'one' } } }),
    });
    await repository.commit(needing('one'));
    await repository.push('main');
    const same = await repository.fn('promote', 'v1');
    expect(same.code).toBe(8);
    expect(same.output).toContain('fn rollback v1');
    await repository.fn('env', 'set', 'NEEDED=1', '--scope', 'preview', '--yes');
    await repository.commit(needing('two'));
    expect((await repository.push('main:topic')).code).toBe(0);
    const missing = await repository.fn('promote', 'topic');
    expect(missing.code).toBe(5);
    expect(missing.output).toContain('fn env set NEEDED=- --scope production');
    const baked = ['MODE=x', '--build', '--scope', 'preview', '--yes'];
    expect(await repository.fn('env', 'set', ...baked)).toMatchObject({ code: 0 });
    const other = await repository.fn('promote', 'topic');
    expect(other.code).toBe(8);
    expect(other.output).toContain('MODE');
    expect((await ask(platform(), 'held')).body).toBe('one');
  });
});

describe('fn inspect', () => {
  it('shows all of a deployment by its version, id, branch, tag or commit', async () => {
    const repository = await createRepository(platform(), 'shown');
    const sha = await repository.commit(saying('one'), 'Say one');
    await repository.git('tag', 'v9.9');
    await repository.push('main');
    await repository.push('main:topic', 'v9.9');
    const live = await inspect(repository);
    expect(live).toMatchObject({
      version: 1,
      kind: 'production',
      state: 'live',
      isCurrent: true,
      commit: sha,
      subject: 'Say one',
      author: 'Test <test@example.com>',
      trigger: 'push',
      createdBy: 'admin',
      url: `http://shown.localhost:${platform().port}`,
      commitUrl: `http://${sha.slice(0, 12)}--shown.localhost:${platform().port}`,
      endedAt: null,
      functions: [{ entry: 'index.ts', memoryMib: 128, timeoutMs: 30_000 }],
    });
    expect(live.bundleBytes).toBeGreaterThan(0);
    expect(live.bundle).toMatch(/^[0-9a-f]{64}$/);
    for (const name of [live.id, '1', 'main', sha, sha.slice(0, 7)]) {
      expect(await inspect(repository, name)).toEqual(live);
    }
    expect(await inspect(repository, 'topic')).toMatchObject({ kind: 'branch' });
    const opened = await repository.fn('open', 'topic');
    expect(opened.output).toBe(`http://topic--shown.localhost:${platform().port}\n`);
    const info = await repository.fn('apps', 'info');
    expect(info.output).toMatch(/^Production {2}main$/m);
    expect(info.output).toMatch(/^Live {8}v1 \([0-9a-f]{7}\)$/m);
    expect(await inspect(repository, 'v9.9')).toMatchObject({ kind: 'tag' });
    const { code, output } = await repository.fn('inspect', 'v1');
    expect(code).toBe(0);
    expect(output).toMatch(/^Version {6}v1$/m);
    expect(output).toMatch(/^Trigger {6}push, with the token "admin"$/m);
    expect(output).toMatch(/^main +index\.ts +\/\* +all +128 MB +30 s +by its exports$/m);
    expect(output).not.toContain('Reason');
  });

  it('says why a deployment failed, and what there is not', async () => {
    const repository = await createRepository(platform(), 'failing');
    await repository.commit({ 'index.ts': 'export const answer = 42;\n' });
    await repository.push('main');
    const { output } = await repository.fn('inspect', 'v1');
    expect(output).toMatch(/^State {8}failed$/m);
    expect(output).toMatch(/^Reason {7}No handler found in index\.ts/m);
    for (const name of ['v7', 'nobranch', 'abcdef0', '../x', '%00']) {
      const missing = await repository.fn('inspect', name);
      expect(missing.code, missing.output).toBe(2);
      expect(missing.output).toContain('fn releases shows them');
    }
  });
});
