/** What a push may not be: each is refused in words that the git client shows, and leaves no byte behind. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PlatformError } from '../../src/protocol/errors.ts';
import { rememberFront } from './support/left-behind.ts';
import { commandList, rawRequest } from './support/raw-request.ts';
import { startFront, type RunningFront } from './support/start-front.ts';
import { createWorkTree, urlOf, type WorkTree } from './support/work-tree.ts';

// Dozens of git processes per test: slow on a busy machine, never stuck.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const MIB = 1024 * 1024;
const PUSH = '/mine.git/git-receive-pack';

let front: RunningFront;
let work: WorkTree;
let url: string;
let base: string;

beforeAll(async () => {
  front = await startFront({
    maxPackBytes: 2 * MIB,
    limits: {
      graceMs: 500,
      hookMs: 5_000,
      objects: 6_000,
      tree: { entries: 1_000, bytes: 8 * MIB, pathBytes: 300, depth: 10 },
      pushPlaces: { overall: 1, perRepository: 1, perHolder: 1, queueLength: 1, queueMs: 1_000 },
    },
  });
  work = await createWorkTree();
  url = urlOf(front.origin, 'mine');
  base = await work.commit('index.ts', 'export {}');
  await work.must('push', url, 'main');
});
afterAll(async () => {
  await work[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
});

beforeEach(async () => {
  front.control.preReceive = async () => ({ accept: true });
  await work.must('checkout', '--quiet', '--detach', base);
  return rememberFront(front);
});

async function refusalOf(what: string): Promise<string> {
  const { code, text } = await work.git('push', url, what);
  expect(code, text).not.toBe(0);
  return text;
}

const blobOf = (content: string): Promise<string> => hashed('blob', content);

/** Writes an object as it is, which git's own commands would refuse for some. */
async function hashed(type: string, content: string): Promise<string> {
  const body = Buffer.from(content, 'latin1');
  const object = Buffer.concat([Buffer.from(`${type} ${body.length}\0`), body]);
  const id = createHash('sha1').update(object).digest('hex');
  const folder = join(work.path, '.git/objects', id.slice(0, 2));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, id.slice(2)), deflateSync(object));
  return id;
}

/** A commit of a tree that git itself would not make. */
async function commitOf(entries: { mode: string; name: string; id: string }[]): Promise<string> {
  const tree = await treeOf(entries);
  return work.must('commit-tree', tree, '-p', base, '-m', 'made by hand');
}

function treeOf(entries: { mode: string; name: string; id: string }[]): Promise<string> {
  const lines = entries.map(
    ({ mode, name, id }) => `${mode} ${name}\0${Buffer.from(id, 'hex').toString('latin1')}`,
  );
  return hashed('tree', lines.join(''));
}

describe('a push is refused, says its limit, and leaves nothing, when', () => {
  it.each([3, 40])('its pack has %i MiB', async (mib) => {
    await work.commit('noise', randomBytes(mib * MIB).toString('latin1'));
    const text = await refusalOf('HEAD:refs/heads/large');
    expect(text).toContain('remote:  !     The push is larger than 2 MiB');
    expect(text).toContain('git rev-list --objects --disk-usage');
  });

  it('its small pack inflates to much', async () => {
    await work.commit('zeros', '\0'.repeat(9 * MIB));
    expect(await refusalOf('HEAD:refs/heads/inflated')).toContain('more than 8 MiB');
  });

  it('it has many objects', async () => {
    const tree = await work.must('rev-parse', `${base}^{tree}`);
    const by = 'Ada <ada@example.com> 0 +0000';
    let tip = base;
    for (let count = 0; count <= 6_000; count++) {
      const lines = [`tree ${tree}`, `parent ${tip}`, `author ${by}`, `committer ${by}`];
      tip = await hashed('commit', `${lines.join('\n')}\n\n${count}\n`);
    }
    const text = await refusalOf(`${tip}:refs/heads/long`);
    expect(text).toContain('the push has 6,001 objects; 6,000 are taken at a time.');
    expect(text).toContain('git push REMOTE OLDER_COMMIT:refs/heads/BRANCH');
  });

  it('it has many files', async () => {
    const id = await blobOf('');
    const names = Array.from({ length: 1_001 }, (_, index) => `f${String(index).padStart(4, '0')}`);
    const sha = await commitOf(names.map((name) => ({ mode: '100644', name, id })));
    expect(await refusalOf(`${sha}:refs/heads/many`)).toContain('more than 1000 files');
  });

  it('its few trees describe billions of files', async () => {
    let tree = await blobOf('');
    for (let level = 0; level < 9; level += 1) {
      const mode = level === 0 ? '100644' : '40000';
      const id = tree;
      tree = await treeOf(Array.from({ length: 10 }, (_, i) => ({ mode, name: `d${i}`, id })));
    }
    const sha = await work.must('commit-tree', tree, '-m', 'bomb');
    expect(await refusalOf(`${sha}:refs/heads/bomb`)).toContain('more than 1000 files');
  });

  it('its folders are deep', async () => {
    await work.commit(`${'d/'.repeat(12)}f`, '');
    expect(await refusalOf('HEAD:refs/heads/deep')).toContain('more than 10 deep');
  });

  it('its folders are deeper than git itself can follow', async () => {
    let id = await blobOf('');
    for (let level = 0; level < 5_000; level += 1) {
      id = await treeOf([{ mode: level === 0 ? '100644' : '40000', name: 'd', id }]);
    }
    const sha = await work.must('commit-tree', id, '-m', 'deep');
    const text = await refusalOf(`${sha}:refs/heads/abyss`);
    expect(text).toContain('more than 10 deep');
  });

  it('a path in it is long', async () => {
    await work.commit(`${'n'.repeat(200)}/${'m'.repeat(120)}`, '');
    expect(await refusalOf('HEAD:refs/heads/long')).toContain('more than 300 bytes');
  });

  it.each([
    ['.git', '100644'],
    ['.GIT', '40000'],
    ['git~1', '100644'],
    ['.g\u00e2\u0080\u008cit', '100644'],
    ['..', '40000'],
    ['.', '40000'],
    ['a/b', '100644'],
    ['', '100644'],
    ['.gitmodules', '120000'],
  ])('a name in it is %j of mode %s', async (name, mode) => {
    const inner = [{ mode: '100644', name: 'f', id: await blobOf('x') }];
    const id = mode === '40000' ? await treeOf(inner) : await blobOf('../x');
    const sha = await commitOf([{ mode, name, id }]);
    // The client packs what it was told to, and git on the server looks at every object.
    expect(await refusalOf(`${sha}:refs/heads/name`)).toMatch(
      /fsck error|unpack(er)? error|failed/,
    );
  });

  it.each([
    ['an option for a URL', 'url = --upload-pack=touch /tmp/owned'],
    ['a command for a URL', 'url = ext::sh -c touch% /tmp/owned'],
    ['an option for a path', 'path = -u\n\turl = https://example.com/x'],
    ['a command for an update', 'url = https://example.com/x\n\tupdate = !touch /tmp/owned'],
    ['a line break in a URL', 'url = "https://example.com/\\n[core]"'],
  ])('it has a submodule with %s', async (_, lines) => {
    const sha = await commitOf([
      {
        mode: '100644',
        name: '.gitmodules',
        id: await blobOf(`[submodule "m"]\n\tpath = m\n\t${lines}\n`),
      },
      { mode: '160000', name: 'm', id: base },
    ]);
    const text = await refusalOf(`${sha}:refs/heads/module`);
    expect(text).toMatch(/gitmodules|"m" is a submodule/);
  });

  it('it has submodules: one is named, the others are counted, and what to do is said', async () => {
    const inner = await treeOf(
      Array.from({ length: 300 }, (_, i) => ({ mode: '160000', name: `m${1000 + i}`, id: base })),
    );
    const sha = await commitOf([
      { mode: '100644', name: 'index.ts', id: await blobOf('export {}') },
      { mode: '40000', name: 'vendor', id: inner },
    ]);
    const text = await refusalOf(`${sha}:refs/heads/modules`);
    expect(text).toContain('"vendor/m1000" (and 299 more) is a submodule');
    expect(text).toContain('git rm --cached PATH');
    expect(
      front.control.received.flatMap(({ updates }) => updates).map(({ ref }) => ref),
    ).not.toContain('refs/heads/modules');
  });

  it('it names more refs than fit', async () => {
    const long = 'n'.repeat(180);
    const refs = Array.from({ length: 4_200 }, (_, i) => `refs/heads/${long}${i}`);
    const body = commandList(refs, await work.must('rev-parse', 'main'));
    const answer = await rawRequest(front.sockets.gitHttp, {
      method: 'POST',
      target: PUSH,
      body,
    });
    expect(answer.body).toContain('more than 1 MiB together');
    expect(answer.body).toContain('git push REMOTE BRANCH TAG');
  });

  it('it deletes more refs than are deleted at once', async () => {
    const refs = Array.from({ length: 201 }, (_, i) => `refs/heads/gone-${i}`);
    const answer = await rawRequest(front.sockets.gitHttp, {
      method: 'POST',
      target: PUSH,
      body: commandList(refs, '0'.repeat(40), base),
    });
    // Without what frames it: chunks of HTTP, and packets of the band.
    const said = answer.body.replaceAll(/\r\n[0-9a-f]+\r\n|[0-9a-f]{4}\p{Cc}/gu, '');
    expect(said).toContain('201 branches and tags to delete in one push; at most 200');
    expect(said).toContain('git push --delete REMOTE BRANCH TAG');
  });

  it('it is too many at once: who finds no place is told so', async () => {
    const goOn = Promise.withResolvers<void>();
    front.control.preReceive = async () => {
      await goOn.promise;
      return { accept: false };
    };
    const sha = await work.commit('index.ts', 'export default 1');
    const body = Buffer.concat([commandList(['refs/heads/crowd'], sha), await work.pack(sha)]);
    const crowd = Array.from({ length: 4 }, () =>
      rawRequest(front.sockets.gitHttp, { method: 'POST', target: PUSH, body }),
    );
    await Promise.race(crowd);
    const { text } = await work.git('push', url, 'HEAD:refs/heads/late');
    goOn.resolve();
    expect(text).toContain('remote: too many git requests at once');
    const answers = (await Promise.all(crowd)).map((answer) => answer.body);
    const turnedAway = answers.filter((answer) => answer.includes('\u0003too many git requests'));
    const declined = answers.filter((answer) => answer.includes('hook declined'));
    // One has the place, and one may still wait for it.
    expect(turnedAway.length).toBeGreaterThanOrEqual(2);
    expect(turnedAway.length + declined.length).toBe(4);
    for (const answer of turnedAway) expect(answer).toContain('try again in a moment');
  });

  it('its app can not be made', async () => {
    const { createApp } = front.control;
    front.control.createApp = async () => {
      throw new PlatformError('conflict', 'there are 1000 apps already');
    };
    const { code, text } = await work.git('push', urlOf(front.origin, 'another'), 'main');
    front.control.createApp = createApp;
    expect(code).not.toBe(0);
    expect(text).toContain('remote:  !     there are 1000 apps already');
  });
});
