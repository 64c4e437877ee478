import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { checkConsistency } from '../support/consistency.ts';
import { eventually } from '../support/eventually.ts';
import { descendantsOf } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

const greeting = (text: string): string => `export default () => new Response('${text}');\n`;
const env =
  'export const handler = async () => ({ env: process.env.FN_ENV, url: process.env.FN_URL });\n';

const MARK = `preview-${randomUUID()}`;
/** Leaves a file in the /tmp of its worker. */
const MARKED = `import { writeFileSync } from 'node:fs';
writeFileSync('/tmp/${MARK}', '');
export default () => new Response('marked');
`;

function markedWorkers(): number[] {
  return descendantsOf(platform().pid)
    .map(({ pid }) => pid)
    .filter((pid) => existsSync(`/proc/${pid}/root/tmp/${MARK}`));
}

describe('branches and tags', () => {
  it('have URLs of their own and leave production alone', async () => {
    const repository = await createRepository(platform(), 'refs');
    await repository.commit({ 'index.ts': greeting('main') });
    await repository.push('main');
    await repository.git('checkout', '-q', '-b', 'feature/login');
    await repository.commit({ 'index.ts': greeting('branch') });
    const pushed = await repository.push('feature/login');
    expect(pushed.output).toContain(`http://feature-login--refs.localhost:${platform().port}`);
    await repository.commit({ 'index.ts': greeting('tag') });
    await repository.git('tag', '-a', 'v1.0', '-m', 'first');
    await repository.push('v1.0');
    expect((await ask(platform(), 'refs')).body).toBe('main');
    expect((await ask(platform(), 'feature-login--refs')).body).toBe('branch');
    expect((await ask(platform(), 'v1-0--refs')).body).toBe('tag');
  });

  it('run with the preview environment, production with its own', async () => {
    const repository = await createRepository(platform(), 'env');
    await repository.commit({ 'index.ts': env });
    await repository.push('main', 'main:preview');
    const production = JSON.parse((await ask(platform(), 'env')).body) as unknown;
    expect(production).toEqual({
      env: 'production',
      url: `http://env.localhost:${platform().port}`,
    });
    const preview = JSON.parse((await ask(platform(), 'preview--env')).body) as unknown;
    expect(preview).toMatchObject({ env: 'preview' });
  });

  it('end when they are deleted; the production branch cannot be', async () => {
    const repository = await createRepository(platform(), 'deleted');
    await repository.commit({ 'index.ts': greeting('main') });
    await repository.push('main', 'main:gone');
    expect((await ask(platform(), 'gone--deleted')).status).toBe(200);
    expect(await repository.push('--delete', 'gone')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'gone--deleted')).status).toBe(404);
    const refused = await repository.push('--delete', 'main');
    expect(refused.code).toBe(1);
    expect((await ask(platform(), 'deleted')).status).toBe(200);
  });

  it('take their workers along when they are deleted', async () => {
    const repository = await createRepository(platform(), 'ended');
    await repository.commit({ 'index.ts': greeting('main') });
    await repository.push('main');
    await repository.commit({ 'index.ts': MARKED });
    await repository.push('main:preview');
    expect((await ask(platform(), 'preview--ended')).body).toBe('marked');
    expect(markedWorkers()).not.toEqual([]);
    expect(await repository.push('--delete', 'preview')).toMatchObject({ code: 0 });
    await eventually(() => expect(markedWorkers()).toEqual([]));
    expect((await ask(platform(), 'preview--ended')).status).toBe(404);
    expect(await checkConsistency(platform())).toEqual([]);
  });

  it('of the light kind have URLs too, and move when they are forced to', async () => {
    const repository = await createRepository(platform(), 'moved');
    await repository.commit({ 'index.ts': greeting('one') });
    await repository.git('tag', 'light');
    await repository.push('main', 'light');
    expect((await ask(platform(), 'light--moved')).body).toBe('one');
    await repository.commit({ 'index.ts': greeting('two') });
    await repository.git('tag', '--force', 'light');
    const refused = await repository.push('light');
    expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('already exists') });
    expect((await ask(platform(), 'light--moved')).body).toBe('one');
    expect(await repository.push('--force', 'light')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'light--moved')).body).toBe('two');
    expect((await ask(platform(), 'moved')).body).toBe('one');
  });

  it('that make one slug get different hosts, and the first keeps the clean one', async () => {
    const repository = await createRepository(platform(), 'slugs');
    await repository.commit({ 'index.ts': greeting('main') });
    await repository.push('main', 'main:a/bc');
    const second = await repository.push('main:a-bc');
    expect(second.output).toMatch(/http:\/\/a-bc-[0-9a-f]{6}--slugs/);
    expect((await ask(platform(), 'a-bc--slugs')).status).toBe(200);
  });
});

describe('the same commit', () => {
  it('is built once, whichever branches it comes by, and stays the version that it is', async () => {
    const repository = await createRepository(platform(), 'same');
    await repository.commit({ 'index.ts': greeting('same') });
    expect((await repository.push('main')).output).toContain('Built in');
    const second = await repository.push('main:second');
    expect(second.output).toContain('Stored bundle');
    expect(second.output).not.toContain('Built in');
    expect((await repository.push('main')).output).toContain('Everything up-to-date');
    expect((await ask(platform(), 'same')).headers['x-fn-version']).toBe('v1');
  });

  it('pushed twice at once is built once and released once', async () => {
    const repository = await createRepository(platform(), 'twice');
    await repository.commit({ 'index.ts': greeting('one') });
    await repository.push('main');
    const sha = await repository.commit({ 'index.ts': greeting('two') });
    const pushes = await Promise.all([repository.push('main'), repository.push('main')]);
    const said = pushes.map(({ output }) => output).join('\n');
    expect(
      pushes.map(({ code }) => code),
      said,
    ).toContain(0);
    expect(said.match(/Built in/g), said).toHaveLength(1);
    const answer = await ask(platform(), 'twice');
    expect(answer).toMatchObject({ body: 'two', headers: { 'x-fn-commit': sha } });
    const { output } = await repository.fn('releases', '--json');
    const { items } = JSON.parse(output) as { items: { commit: string; liveAt: string | null }[] };
    const released = items.filter(({ commit, liveAt }) => commit === sha && liveAt !== null);
    expect(released, output).toHaveLength(1);
  });
});

describe('rollback', () => {
  it('goes back by command to the previous release, a version or a commit', async () => {
    const repository = await createRepository(platform(), 'back');
    const shas: string[] = [];
    for (const text of ['one', 'two', 'three']) {
      shas.push(await repository.commit({ 'index.ts': greeting(text) }));
      await repository.push('main');
    }
    expect(await repository.fn('rollback')).toMatchObject({ code: 0 });
    expect(await ask(platform(), 'back')).toMatchObject({
      body: 'two',
      headers: { 'x-fn-commit': shas[1], 'x-fn-version': 'v4' },
    });
    expect(await repository.fn('rollback', 'v1')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'back')).body).toBe('one');
    expect(await repository.fn('rollback', shas[2]?.slice(0, 8) ?? '')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'back')).body).toBe('three');
    expect((await repository.fn('rollback', 'v99')).code).toBe(2);
    const releases = await repository.fn('releases');
    expect(releases.output).toContain('v6');
  });

  it('goes back by pushing an older commit, as a new version of the stored bundle', async () => {
    const repository = await createRepository(platform(), 'forced');
    const first = await repository.commit({ 'index.ts': greeting('one') });
    await repository.push('main');
    await repository.commit({ 'index.ts': greeting('two') });
    await repository.push('main');
    const pushed = await repository.push('-f', `${first}:main`);
    expect(pushed.output).toContain('Stored bundle');
    expect(await ask(platform(), 'forced')).toMatchObject({
      body: 'one',
      headers: { 'x-fn-version': 'v3', 'x-fn-commit': first },
    });
  });
});
