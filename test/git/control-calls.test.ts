import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { extract } from 'tar-stream';
import { newId } from '../../src/std/ids.ts';
import { startFront, type RunningFront } from './support/start-front.ts';
import { createWorkTree, urlOf, type WorkTree } from './support/work-tree.ts';

// Dozens of git processes per test: slow on a busy machine, never stuck.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let front: RunningFront;
let work: WorkTree;
let app: string;
let url: string;
let appId: string;

beforeAll(async () => {
  front = await startFront({ limits: { archiveBytes: 3 * 1024 * 1024 } });
});
afterAll(() => front[Symbol.asyncDispose]());

beforeEach(async () => {
  app = `app${newId('req').slice(4)}`;
  appId = newId('app');
  front.control.apps.set(app, appId);
  url = urlOf(front.origin, app);
  work = await createWorkTree();
  front.control.preReceive = async () => ({ accept: true });
  front.control.postReceive = async () => ({ released: true });
  return () => work[Symbol.asyncDispose]();
});

/** Path → content of the tar that came under the ticket. */
async function filesOf(ticket: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const entry of Readable.from([front.control.archives.get(ticket)]).pipe(extract())) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    if (entry.header.type === 'file') files[entry.header.name] = Buffer.concat(chunks).toString();
  }
  return files;
}

describe('sendArchive', () => {
  it('delivers what a push in quarantine would deploy, and nothing of it otherwise', async () => {
    let outside: unknown;
    front.control.preReceive = async ({ pushId, updates }) => {
      const sha = updates[0]?.newSha ?? '';
      await front.calls('sendArchive', { appId, sha, ticket: 'inside', pushId });
      outside = await front
        .calls('sendArchive', { appId, sha, ticket: 'outside', pushId: null })
        .catch((error: unknown) => error);
      return { accept: false };
    };
    await work.commit('lib/greet.ts', 'export const greeting = "hello";');
    expect((await work.git('push', url, 'main')).code).toBe(1);
    expect(await filesOf('inside')).toEqual({ 'lib/greet.ts': 'export const greeting = "hello";' });
    expect(outside).toMatchObject({ code: 'not-found' });
    expect(front.control.archives.has('outside')).toBe(false);
  });

  it("does not let a pusher's attributes drop or rewrite source", async () => {
    await writeFile(join(work.path, '.gitattributes'), '*.ts export-ignore\n*.txt export-subst\n');
    await writeFile(join(work.path, 'note.txt'), '$Format:%H$');
    const sha = await work.commit('index.ts', 'export {}');
    await work.must('push', url, 'main');
    await front.calls('sendArchive', { appId, sha, ticket: 'whole', pushId: null });
    expect(await filesOf('whole')).toMatchObject({
      'index.ts': 'export {}',
      'note.txt': '$Format:%H$',
    });
  });

  it('ends as an error when there are more bytes than may be', async () => {
    const sha = await work.commit('large', 'x'.repeat(4 * 1024 * 1024));
    await work.must('push', url, 'main');
    const call = front.calls('sendArchive', { appId, sha, ticket: 'large', pushId: null });
    await expect(call).rejects.toMatchObject({ code: 'too-large' });
    expect(front.control.archives.has('large')).toBe(false);
  });

  it('refuses what is no full commit id or no app', async () => {
    const call = (sha: string, id: string): Promise<null> =>
      front.calls('sendArchive', { appId: id, sha, ticket: 't', pushId: null });
    await expect(call('--output=/tmp/x', appId)).rejects.toMatchObject({ code: 'bad-request' });
    await expect(call('a'.repeat(40), '../../etc')).rejects.toMatchObject({ code: 'bad-request' });
    await expect(call('a'.repeat(40), newId('app'))).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('listRefs', () => {
  it('lists branches and tags with their commits, and what is live beside them', async () => {
    const sha = await work.commit('index.ts', '1', 'First');
    await work.must('tag', '--annotate', '--message', 'one', 'v1');
    await work.must('push', url, 'main', 'v1');
    await front.calls('publishLive', { appId, refs: [{ name: 'refs/live/production', sha }] });
    const { isBusy, refs, live } = await front.calls('listRefs', { appId });
    expect(isBusy).toBe(false);
    expect(live).toEqual([{ name: 'refs/live/production', sha }]);
    expect(await front.calls('listRepositories', null)).toEqual({
      appIds: expect.arrayContaining([appId]) as string[],
    });
    expect(refs).toMatchObject([
      { ref: 'refs/heads/main', sha, commit: { sha, subject: 'First' } },
      { ref: 'refs/tags/v1', sha: await work.must('rev-parse', 'v1'), commit: { sha } },
    ]);
  });

  it('says which refs a push that is under way may move', async () => {
    let during: unknown;
    front.control.preReceive = async () => {
      during = await front.calls('listRefs', { appId });
      return { accept: true };
    };
    await work.commit('index.ts', '1');
    await work.must('push', url, 'main');
    expect(during).toEqual({ isBusy: true, busyRefs: ['refs/heads/main'], refs: [], live: [] });
  });

  it('is empty for an app without a repository', async () => {
    expect(await front.calls('listRefs', { appId })).toEqual({
      isBusy: false,
      busyRefs: [],
      refs: [],
      live: [],
    });
  });
});

describe('readRef', () => {
  const read = (ref: string) => front.calls('readRef', { appId, ref });

  it('tells where a branch or tag is, tags not peeled, and null for what there is not', async () => {
    const sha = await work.commit('index.ts', '1', 'First');
    await work.must('tag', '--annotate', '--message', 'one', 'v1');
    await work.must('push', url, 'main', 'main:a/b', 'v1');
    expect(await read('refs/heads/main')).toEqual({ sha });
    expect(await read('refs/heads/a/b')).toEqual({ sha });
    expect(await read('refs/tags/v1')).toEqual({ sha: await work.must('rev-parse', 'v1') });
    // A folder, and a name below a branch.
    for (const ref of ['refs/heads/a', 'refs/heads/main/b', 'refs/heads/none']) {
      expect(await read(ref)).toEqual({ sha: null });
    }
  });

  it('reads no file but those of branches and tags', async () => {
    await work.commit('index.ts', '1');
    await work.must('push', url, 'main');
    for (const ref of ['HEAD', 'refs/live/production', 'refs/heads/../../HEAD']) {
      await expect(read(ref)).rejects.toMatchObject({ code: 'bad-request' });
    }
    const other = await front.calls('readRef', { appId: newId('app'), ref: 'refs/heads/main' });
    expect(other).toEqual({ sha: null });
  });
});

describe('publishLive', () => {
  it('moves and removes refs that fetches see and pushes can not touch', async () => {
    const sha = await work.commit('index.ts', '1');
    await work.must('push', url, 'main');
    const refs = [
      { name: 'refs/live/production', sha },
      { name: 'refs/live/preview/feature-x', sha },
    ];
    await front.calls('publishLive', { appId, refs });
    expect(await work.must('ls-remote', url, 'refs/live/*')).toContain(
      `${sha}\trefs/live/production`,
    );
    await work.must('fetch', '--quiet', url, '+refs/live/*:refs/remotes/fn/live/*');
    expect(await work.must('rev-parse', 'fn/live/production')).toBe(sha);

    const forged = await work.git('push', url, ':refs/live/production');
    expect(forged.code).toBe(1);
    const removed = [{ name: 'refs/live/production', sha: null }];
    await front.calls('publishLive', { appId, refs: removed });
    await front.calls('publishLive', { appId, refs: removed });
    expect(await work.must('ls-remote', url, 'refs/live/*')).not.toContain('production');
  });

  it.each(['refs/heads/main', 'refs/live/', 'refs/live/../heads/main', 'refs/live/a b'])(
    'refuses %s',
    async (name) => {
      await work.commit('index.ts', '1');
      await work.must('push', url, 'main');
      const call = front.calls('publishLive', { appId, refs: [{ name, sha: null }] });
      await expect(call).rejects.toMatchObject({ code: 'bad-request' });
    },
  );
});

it('makes a lost repository again with the next push', async () => {
  await work.commit('index.ts', '1');
  await work.must('push', url, 'main');
  await rm(front.repositoryOf(app), { recursive: true });
  await work.must('push', url, 'main');
  await mkdir(join(work.path, 'copy'));
  await work.must('clone', '--quiet', url, 'copy');
});

describe('writeCommit', () => {
  it('keeps names of files as they are, and refuses those that a tree cannot have', async () => {
    const names = ['a b.ts', 'say "hi".ts', 'back\\slash.ts', '-n', 'ä/☃.ts', 'M 100644 x', "it's"];
    const write = (files: { path: string; content: string }[]) =>
      front.calls('writeCommit', {
        appId,
        commit: { parent: null, author: { name: 'A', mail: 'a@b' }, at: 0, message: 'x\n', files },
      });
    const files = names.map((path) => ({ path, content: `of ${path}\ndone\n` }));
    const { sha } = await write(files);
    await front.calls('moveBranch', { appId, ref: 'refs/heads/main', sha, expected: null });
    const read = await front.calls('readFiles', { appId, ref: 'refs/heads/main', paths: names });
    expect(read?.contents).toEqual(files.map(({ content }) => content));
    for (const path of ['../x', '/x', 'a//b', '.git/config', 'a/.GIT', 'a\nb', '']) {
      const refused = await write([{ path, content: '' }]).catch((error: unknown) => error);
      expect(refused, path).toMatchObject({ code: 'bad-request' });
    }
  });
});
