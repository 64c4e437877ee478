import { readdir, readFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

const saying = (word: string): string => `export default () => new Response('${word}');\n`;

/** A folder beside the repository, whose user is logged in to the one server. */
async function makeFolder(
  { folder: repository }: TestRepository,
  name: string,
  files: Record<string, string>,
): Promise<string> {
  const folder = join(dirname(repository), name);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** What the app's branch holds, by its names. */
async function filesOn(repository: TestRepository, app: string, branch: string): Promise<string[]> {
  const url = `${platform().url}/${app}.git`;
  const fetched = await repository.git('fetch', '-q', url, `refs/heads/${branch}`);
  expect(fetched, fetched.output).toMatchObject({ code: 0 });
  const listed = await repository.git('ls-tree', '-r', '--name-only', 'FETCH_HEAD');
  return listed.output.trim().split('\n');
}

describe('fn deploy of a folder without git', () => {
  it('makes an app of it, then goes on from there, and leaves no trace behind', async () => {
    const user = await createRepository(platform(), 'user');
    const folder = await makeFolder(user, 'plain', {
      'index.ts': saying('one'),
      'lib/unused.ts': '',
      '.gitignore': 'ignored.txt\n!.env\n',
      'ignored.txt': '',
      '.env': 'SECRET=1',
      '.env.local': 'SECRET=2',
      'node_modules/dep/index.js': '',
      '.fn/admin-token': 'fn_secret',
    });
    const before = await readdir(folder);
    const temporary = join(dirname(user.folder), 'temporary');
    await mkdir(temporary);
    const fn = `TMPDIR=${temporary} ${process.cwd()}/bin/fn deploy ../plain --app plain`;
    const first = await user.git('-c', `alias.x=!${fn}`, 'x');
    expect(first, first.output).toMatchObject({ code: 0 });
    expect(first.output).toContain('-----> Deploying 3 files of plain as ');
    expect(first.output).toContain('Left out: .env, .env.local');
    expect(first.output).toContain('-----> Live: production v1 of plain');
    expect((await ask(platform(), 'plain')).body).toBe('one');
    expect(await filesOn(user, 'plain', 'main')).toEqual([
      '.gitignore',
      'index.ts',
      'lib/unused.ts',
    ]);
    expect(await readdir(folder)).toEqual(before);
    expect(await readdir(temporary)).toEqual([]);

    await writeFile(join(folder, 'index.ts'), saying('two'));
    await rm(join(folder, 'lib'), { recursive: true });
    const second = await user.fn('deploy', '../plain', '--app', 'plain', '--message', 'Say two');
    expect(second, second.output).toMatchObject({ code: 0 });
    expect(await ask(platform(), 'plain')).toMatchObject({
      body: 'two',
      headers: { 'x-fn-version': 'v2' },
    });
    expect(await filesOn(user, 'plain', 'main')).toEqual(['.gitignore', 'index.ts']);
    const log = await user.git('log', '--format=%s', 'FETCH_HEAD');
    expect(log.output).toBe('Say two\nDeploy plain\n');
  });

  it('says of a name that no app can have what is wrong with it, before anything is pushed', async () => {
    const user = await createRepository(platform(), 'namer');
    const folder = await makeFolder(user, 'named', { 'index.ts': saying('x') });
    for (const [name, why] of [
      ['api', 'reserved'],
      ['My_App', '1 to 40 characters a-z'],
    ] as const) {
      for (const words of [
        ['deploy', folder, '--app', name],
        ['env', 'list', '--app', name],
      ]) {
        const refused = await user.fn(...words);
        expect(refused).toMatchObject({ code: 2, output: expect.stringContaining(why) });
        expect(refused.output).not.toContain('Deploying');
      }
    }
    expect(await user.fn('init', 'api')).toMatchObject({
      code: 2,
      output: expect.stringContaining('reserved'),
    });
  });

  it('names the files that it cannot take', async () => {
    const user = await createRepository(platform(), 'misnamed');
    const folder = await makeFolder(user, 'odd', { 'index.ts': saying('odd') });
    const name = Buffer.from('na\u00ffme.txt', 'latin1');
    await writeFile(Buffer.concat([Buffer.from(`${folder}/`), name]), '');
    const { code, output } = await user.fn('deploy', folder, '--app', 'odd');
    expect(code, output).toBe(0);
    expect(output).toContain(' !     Left out: na\ufffdme.txt: names that are no UTF-8');
  });

  it('that has not changed says so and deploys nothing, until something else is live', async () => {
    const user = await createRepository(platform(), 'user');
    await makeFolder(user, 'same', { 'index.ts': saying('one') });
    const deploy = (...args: string[]) => user.fn('deploy', '../same', '--app', 'same', ...args);
    await deploy();
    const again = await deploy();
    expect(again.code).toBe(0);
    expect(again.output).toContain('Nothing has changed: http://same.localhost');
    await writeFile(join(dirname(user.folder), 'same/index.ts'), saying('two'));
    await deploy();
    await user.fn('rollback', '--app', 'same');
    expect((await ask(platform(), 'same')).body).toBe('one');
    const changed = await deploy('--json');
    expect(changed.code, changed.output).toBe(0);
    const { commit, ...rest } = JSON.parse(
      changed.output.slice(0, changed.output.indexOf('\n}') + 2),
    ) as Record<string, unknown>;
    expect(rest).toMatchObject({
      app: 'same',
      branch: 'main',
      isChanged: true,
      deployment: { commit },
    });
    expect((await ask(platform(), 'same')).body).toBe('two');
    await deploy('--branch', 'preview');
    expect((await ask(platform(), 'preview--same')).body).toBe('two');
  });

  it('that is broken fails with the exit code of its outcome, and nothing moves', async () => {
    const user = await createRepository(platform(), 'user');
    await makeFolder(user, 'broken', { 'index.ts': saying('good') });
    const deploy = () => user.fn('deploy', '../broken', '--app', 'broken');
    await deploy();
    await writeFile(join(dirname(user.folder), 'broken/index.ts'), 'export default (;\n');
    const failed = await deploy();
    expect(failed.code).toBe(4);
    expect(failed.output).toContain('index.ts:1');
    expect(failed.output).toContain('fn: cannot deploy a folder or a commit\n    the build failed');
    expect((await ask(platform(), 'broken')).body).toBe('good');
  });

  it.each([
    [['../empty'], 'holds no file to deploy'],
    [['../nowhere'], 'is neither a folder nor a commit'],
    [['deadbeef'], 'has a commit deadbeef'],
    [['../empty', '--app', 'Bad_Name!'], '1 to 40 characters'],
  ])('%j says what is wrong', async (args, message) => {
    const user = await createRepository(platform(), 'user');
    await makeFolder(user, 'empty', { 'node_modules/x/index.js': '' });
    const refused = await user.fn('deploy', ...args, ...(args.length === 1 ? ['--app', 'x'] : []));
    expect(refused.code).toBe(2);
    expect(refused.output).toContain(message);
  });

  it('works without git’s own name of the user, and says when there is no git', async () => {
    const user = await createRepository(platform(), 'user');
    const folder = await makeFolder(user, 'nameless', { 'index.ts': saying('hello') });
    await user.git('config', '--global', 'user.useConfigOnly', 'true');
    expect(await user.fn('deploy', folder, '--app', 'nameless')).toMatchObject({ code: 0 });
    const bin = join(dirname(user.folder), 'bin');
    await mkdir(bin);
    for (const tool of ['sh', 'dirname', 'readlink'])
      await symlink(`/usr/bin/${tool}`, join(bin, tool));
    const without = await user.git(
      '-c',
      `alias.x=!PATH=${bin} ${process.cwd()}/bin/fn deploy ${folder} --app nameless`,
      'x',
    );
    expect(without.code).toBe(1);
    expect(without.output).toContain('git cannot be run (ENOENT)\n    install git');
  });
});

describe('fn deploy while others push', () => {
  it('puts its commit on top of theirs', async () => {
    const user = await createRepository(platform(), 'raced');
    await user.commit({ 'index.ts': saying('one') });
    await user.push('main');
    await user.commit({ 'index.ts': saying('theirs') });
    const folder = await makeFolder(user, 'mine', { 'index.ts': saying('mine') });
    // A git that lets the other push pass just before its first own one.
    const bin = join(dirname(user.folder), 'bin');
    await mkdir(bin);
    const script = `#!/bin/sh
case " $* " in *" push --porcelain "*)
  if mkdir ${bin}/passed 2>/dev/null; then
    env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE /usr/bin/git -C ${user.folder} push -q fn main || exit 9
  fi ;;
esac
exec /usr/bin/git "$@"
`;
    await writeFile(join(bin, 'git'), script, { mode: 0o755 });
    const fn = `PATH=${bin}:$PATH ${process.cwd()}/bin/fn deploy ${folder} --app raced`;
    const deployed = await user.git('-c', `alias.x=!${fn}`, 'x');
    expect(deployed, deployed.output).toMatchObject({ code: 0 });
    expect(deployed.output.match(/-----> Deploying 1 file of mine/g)).toHaveLength(2);
    expect((await ask(platform(), 'raced')).body).toBe('mine');
    await user.git('fetch', '-q', 'fn');
    const log = await user.git('log', '--format=%s', 'fn/main');
    expect(log.output).toMatch(/^Deploy mine\nChange\nChange\n$/);
  });
});

describe('fn deploy in a repository', () => {
  it('deploys what is there, committed or not, and touches neither index nor branches', async () => {
    const user = await createRepository(platform(), 'dirty');
    await user.commit({ 'index.ts': saying('one'), 'old.ts': '', '.gitignore': 'dist\n' });
    await user.push('main');
    await writeFile(join(user.folder, 'index.ts'), saying('staged'));
    await user.git('add', 'index.ts');
    await writeFile(join(user.folder, 'index.ts'), saying('changed'));
    await writeFile(join(user.folder, 'new.ts'), '');
    await rm(join(user.folder, 'old.ts'));
    const state = async () => [
      await user.git('status', '--porcelain=v2', '--branch'),
      await user.git('for-each-ref'),
      await readFile(join(user.folder, '.git/config'), 'utf8'),
      await readFile(join(user.folder, '.git/index')),
      await user.git('count-objects', '-v'),
    ];
    const before = await state();
    const deployed = await user.fn('deploy');
    expect(deployed, deployed.output).toMatchObject({ code: 0 });
    expect(await state()).toEqual(before);
    expect((await ask(platform(), 'dirty')).body).toBe('changed');
    const listed = await user.git('ls-remote', 'fn', 'main');
    await user.git('fetch', '-q', 'fn');
    const files = await user.git('ls-tree', '-r', '--name-only', listed.output.slice(0, 40));
    expect(files.output).toBe('.gitignore\nindex.ts\nnew.ts\n');
  });

  it('deploys the commit itself when nothing else is there, so that git push goes on', async () => {
    const user = await createRepository(platform(), 'clean');
    const first = await user.commit({ 'index.ts': saying('one') });
    expect(await user.fn('deploy')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'clean')).headers['x-fn-commit']).toBe(first);
    const second = await user.commit({ 'index.ts': saying('two') });
    expect(await user.push('main')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'clean')).headers['x-fn-commit']).toBe(second);
    expect((await user.fn('deploy')).output).toContain('Nothing has changed');
  });

  it('deploys an ignored folder of results, and goes on from what others have pushed', async () => {
    const user = await createRepository(platform(), 'results');
    await user.commit({ '.gitignore': 'dist\n', 'source.ts': '' });
    await makeFolder(user, 'results/dist', { 'index.js': saying('built') });
    expect(await user.fn('deploy', 'dist', '--app', 'results')).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'results')).body).toBe('built');
    const other = await createRepository(platform(), 'results');
    await other.git('pull', '-q', 'fn', 'main');
    await other.commit({ 'index.js': saying('other') });
    expect(await other.push('HEAD:main')).toMatchObject({ code: 0 });
    const again = await user.fn('deploy', 'dist', '--app', 'results');
    expect(again, again.output).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'results')).body).toBe('built');
  });

  it('works in a clone of limited depth', async () => {
    const user = await createRepository(platform(), 'shallow');
    for (const word of ['one', 'two', 'three']) await user.commit({ 'index.ts': saying(word) });
    await user.push('main');
    const clone = ['clone', '-q', '--depth=1', `file://${user.folder}`, '../shallow-copy'];
    expect(await user.git(...clone)).toMatchObject({ code: 0 });
    const copy = join(dirname(user.folder), 'shallow-copy');
    await writeFile(join(copy, 'index.ts'), saying('four'));
    const deployed = await user.fn('deploy', copy, '--app', 'shallow');
    expect(deployed, deployed.output).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'shallow')).body).toBe('four');
  });
});

describe('fn deploy of a commit', () => {
  it('makes the URL answer whose 404 names the command', async () => {
    const user = await createRepository(platform(), 'old');
    const below = await user.commit({ 'index.ts': saying('below') });
    await user.commit({ 'index.ts': saying('tip') });
    await user.push('main');
    const host = `${below.slice(0, 12)}--old`;
    const missing = await ask(platform(), host);
    expect(missing.status).toBe(404);
    const command = /To deploy it: fn (deploy [0-9a-f]+)/.exec(missing.body)?.[1] ?? '';
    const deployed = await user.fn(...command.split(' '));
    expect(deployed, deployed.output).toMatchObject({ code: 0 });
    expect((await ask(platform(), host)).body).toBe('below');
    expect((await ask(platform(), 'old')).body).toBe('tip');
    const again = await user.fn(...command.split(' '));
    expect(again).toMatchObject({ code: 0 });
    expect(again.output).toContain('Nothing has changed');
  });

  it('finds one that only the server has, and takes a branch', async () => {
    const user = await createRepository(platform(), 'far');
    const below = await user.commit({ 'index.ts': saying('below') });
    await user.commit({ 'index.ts': saying('tip') });
    await user.push('main');
    const other = await createRepository(platform(), 'far');
    const deployed = await other.fn('deploy', below.slice(0, 8), '--branch', 'staging');
    expect(deployed, deployed.output).toMatchObject({ code: 0 });
    expect((await ask(platform(), 'staging--far')).body).toBe('below');
    const back = await other.fn('deploy', below, '--branch', 'main');
    expect(back.code).toBe(8);
    expect(back.output).toContain(`git push -f fn ${below}:main`);
  });
});
