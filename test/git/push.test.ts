import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../../src/std/ids.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import { eventually } from '../support/eventually.ts';
import { rememberFront } from './support/left-behind.ts';
import { commandList, rawRequest } from './support/raw-request.ts';
import { startFront, TOKEN, type RunningFront } from './support/start-front.ts';
import { createWorkTree, urlOf, type WorkTree } from './support/work-tree.ts';
import { signalGroup } from '../support/signals.ts';

// Dozens of git processes per test: slow on a busy machine, never stuck.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const ZERO = '0'.repeat(40);

let front: RunningFront;
let work: WorkTree;
let app: string;
let url: string;

beforeAll(async () => {
  front = await startFront();
});
afterAll(() => front[Symbol.asyncDispose]());

beforeEach(async () => {
  app = `app${newId('req').slice(4)}`;
  url = urlOf(front.origin, app);
  work = await createWorkTree();
  front.control.received.length = 0;
  front.control.released.length = 0;
  front.control.ended.length = 0;
  front.control.preReceive = async () => ({ accept: true });
  front.control.postReceive = async () => ({ released: true });
  return () => work[Symbol.asyncDispose]();
});

const refsOf = async (): Promise<string> => (await work.git('ls-remote', url)).text;

describe('a push to a new name', () => {
  it('creates the app and its repository, and moves the ref', async () => {
    const sha = await work.commit('index.ts', 'export {}', 'Say hello');
    expect(await work.must('push', url, 'main')).toContain('[new branch]');
    expect(await refsOf()).toContain(`${sha}\trefs/heads/main`);
    expect(front.control.received).toEqual([
      {
        pushId: expect.stringMatching(/^push-/),
        appId: front.control.apps.get(app),
        principal: { tokenId: 'tok-1', tokenName: TOKEN },
        from: { address: '127.0.0.1', userAgent: expect.stringMatching(/^git\//) },
        updates: [
          {
            ref: 'refs/heads/main',
            oldSha: ZERO,
            newSha: sha,
            commit: {
              sha,
              tree: await work.must('rev-parse', 'HEAD^{tree}'),
              subject: 'Say hello',
              author: 'Ada <ada@example.com>',
            },
          },
        ],
      },
    ]);
    expect(front.control.released).toEqual(front.control.received);
  });

  it('leaves the app when the push is rejected, and no ref', async () => {
    front.control.preReceive = async (_, call) => {
      call.progress({ line: ' !     index.ts:1: unexpected token' });
      return { accept: false };
    };
    await work.commit('index.ts', 'export {');
    await work.git('push', url, 'main');
    const isAsBefore = await rememberFront(front);
    const { code, text } = await work.git('push', url, 'main');
    expect(code).toBe(1);
    await isAsBefore();
    expect(text).toContain('remote:  !     index.ts:1: unexpected token');
    expect(text).toContain('pre-receive hook declined');
    expect(front.control.apps.has(app)).toBe(true);
    expect(await refsOf()).toBe('');
    expect(front.control.released).toEqual([]);
  });

  it('creates nothing when it is only looked at', async () => {
    expect((await work.git('push', '--dry-run', url, 'HEAD:refs/heads/main')).code).not.toBe(0);
    await work.commit('index.ts', 'export {}');
    await work.must('push', '--dry-run', url, 'main');
    expect(front.control.apps.has(app)).toBe(false);
  });
});

describe('the pusher', () => {
  it('sees the lines of both hooks as they come, without what a terminal would obey', async () => {
    front.control.preReceive = async (_, call) => {
      call.progress({ line: '-----> Build \u001b[31mred\u001b[0m\u0007\u202e' });
      return { accept: true };
    };
    front.control.postReceive = async (_, call) => {
      call.progress({ line: '       https://hello.example\nsecond' });
      return { released: true };
    };
    await work.commit('index.ts', 'export {}');
    const { text } = await work.git('push', url, 'main');
    expect(text).toContain('remote: -----> Build red  ');
    expect(text).toContain('remote:        https://hello.example');
    expect(text).toContain('remote: second');
    expect(text).not.toContain('\u202e');
  });

  it('is told to try again when control is away, and nothing moves', async () => {
    front.control.preReceive = async () => {
      throw new PlatformError('unavailable', 'restarting');
    };
    await work.commit('index.ts', 'export {}');
    await work.git('push', url, 'main');
    const isAsBefore = await rememberFront(front);
    const { code, text } = await work.git('push', url, 'main');
    expect(code).toBe(1);
    expect(text).toContain('try again in a moment');
    expect(await refsOf()).toBe('');
    await isAsBefore();
  });

  it('learns the reason of an expected failure', async () => {
    front.control.preReceive = async () => {
      throw new PlatformError('conflict', 'main can not be deleted', { hint: 'use fn destroy' });
    };
    await work.commit('index.ts', 'export {}');
    const { text } = await work.git('push', url, 'main');
    expect(text).toContain(' !     main can not be deleted');
    expect(text).toContain('use fn destroy');
  });

  it('keeps a push whose release fails, and is told that it will be taken up', async () => {
    front.control.postReceive = async () => {
      throw new PlatformError('unavailable', 'gone');
    };
    const sha = await work.commit('index.ts', 'export {}');
    const { code, text } = await work.git('push', url, 'main');
    expect(code).toBe(0);
    expect(text).toContain('takes it up again by itself');
    expect(await refsOf()).toContain(sha);
  });
});

describe('a push that was accepted and whose branch another one moves first', () => {
  it('is told to control when it has ended, and moves its other branch', async () => {
    await work.commit('index.ts', 'export {}', 'First');
    await work.must('push', url, 'main');
    const faster = await work.commit('index.ts', 'export { faster }', 'Second');
    const slower = await work.commit('index.ts', 'export { slower }', 'Third');
    expect(front.control.ended).toEqual([]);
    front.control.preReceive = async () => {
      front.control.preReceive = async () => ({ accept: true });
      await work.must('push', '--force', url, `${faster}:refs/heads/main`);
      return { accept: true };
    };
    const refs = ['main', 'topic'].map((ref) => `${slower}:refs/heads/${ref}`);
    const { code, text } = await work.git('push', '--force', url, ...refs);
    expect(code).toBe(1);
    expect(text).toContain("cannot lock ref 'refs/heads/main'");
    const pushed = front.control.received.find(({ updates }) => updates.length === 2);
    expect(front.control.released.at(-1)).toMatchObject({
      pushId: pushed?.pushId,
      updates: [{ ref: 'refs/heads/topic' }],
    });
    await eventually(() => expect(front.control.ended).toEqual([pushed?.pushId]));
    expect(await refsOf()).toContain(`${faster}\trefs/heads/main`);
  });
});

describe('what a push reports of its updates', () => {
  it('peels annotated tags, also of tags', async () => {
    const sha = await work.commit('index.ts', '1');
    await work.must('tag', '--annotate', '--message', 'one', 'v1');
    await work.must('tag', '--annotate', '--message', 'two', 'v2', 'v1');
    await work.must('tag', 'light');
    await work.must('push', url, 'v1', 'v2', 'light');
    const updates = front.control.received[0]?.updates ?? [];
    expect(updates.map(({ ref }) => ref).sort()).toEqual([
      'refs/tags/light',
      'refs/tags/v1',
      'refs/tags/v2',
    ]);
    expect(updates.map(({ commit }) => commit?.sha)).toEqual([sha, sha, sha]);
    expect(new Set(updates.map(({ newSha }) => newSha)).size).toBe(3);
  });

  it('has no commit for a deletion', async () => {
    await work.commit('index.ts', '1');
    await work.must('push', url, 'main', 'main:feature/x');
    await work.must('push', url, ':feature/x');
    expect(front.control.received[1]?.updates).toMatchObject([
      { ref: 'refs/heads/feature/x', newSha: ZERO, commit: null },
    ]);
    expect(await refsOf()).not.toContain('feature');
  });

  it('takes subjects and names as data', async () => {
    const subject = `$(touch ${work.path}/owned) \u001b[31m${'x'.repeat(400)}`;
    await work.commit('index.ts', '1', subject);
    await work.must('push', url, 'main');
    const commit = front.control.received[0]?.updates[0]?.commit;
    expect(commit?.subject.length).toBe(200);
    expect(commit?.subject).not.toContain('\u001b');
  });
});

describe('a push is rejected whole', () => {
  beforeEach(() => rememberFront(front));

  const rejected: [string, string, string][] = [
    ['a note', 'refs/notes/x', 'only branches and tags can be pushed'],
    ["the platform's own refs", 'refs/live/production', 'only branches and tags can be pushed'],
    ['hidden refs', 'refs/internal/x', 'only branches and tags can be pushed'],
    ['a name like an option', 'refs/heads/-x', 'no part of a ref may start with -'],
    ['a name with a command', 'refs/heads/a$(touch${IFS}p)', 'ref names here have letters'],
    ['a name with markup', 'refs/heads/a<img>', 'ref names here have letters'],
    ['an emoji', 'refs/heads/🚀', 'ref names here have letters'],
    ['a turned name', 'refs/heads/a\u202eb', 'ref names here have letters'],
    ['a very long name', `refs/heads/${'n/'.repeat(1500)}x`, 'at most 200 bytes'],
  ];
  it.each(rejected)('for %s', async (_, ref, reason) => {
    await work.commit('index.ts', '1');
    const { code, text } = await work.git('push', url, 'main', `main:${ref}`);
    expect(code).toBe(1);
    expect(text).toContain(reason);
    expect(text).toContain('another ref of this push was refused');
    expect(front.control.apps.has(app)).toBe(false);
    expect(front.control.received).toEqual([]);
  });

  it("for a name with a terminal's commands, which git's own client would not send", async () => {
    const sha = await work.commit('index.ts', '1');
    const body = Buffer.concat([
      commandList(['refs/heads/main', 'refs/heads/a\u001b[31m\u0007'], sha),
      await work.pack(sha),
    ]);
    const target = `/${app}.git/git-receive-pack`;
    const answer = await rawRequest(front.sockets.gitHttp, { method: 'POST', target, body });
    expect(answer.body).toContain('ref names here have letters');
    expect(answer.body).not.toContain('ok refs/heads/main');
    expect(front.control.apps.has(app)).toBe(false);
  });
});

describe('a push to an app that there is is rejected whole', () => {
  let isAsBefore: () => Promise<void>;
  beforeEach(async () => {
    await work.commit('base.ts', '0');
    await work.must('push', url, 'main:base');
    front.control.received.length = 0;
    isAsBefore = await rememberFront(front);
  });

  it('for a tag that is no commit', async () => {
    await work.commit('index.ts', '1');
    await work.must('tag', 'blob', await work.must('rev-parse', 'HEAD:index.ts'));
    const { code, text } = await work.git('push', url, 'main', 'blob');
    expect(code).toBe(1);
    expect(text).toContain('only commits, and tags of commits, can be pushed');
    expect(await refsOf()).not.toContain('refs/heads/main');
    await isAsBefore();
  });

  it.each([
    ['of a commit each', true],
    ['of one commit', false],
  ])('for more than 20 branches %s, and says what to do', async (_, hasOwnCommits) => {
    await work.commit('index.ts', '1');
    for (let index = 0; index <= 20; index += 1) {
      if (hasOwnCommits) await work.commit('index.ts', `${index}`);
      await work.must('branch', `b${index}`);
    }
    const { code, text } = await work.git('push', url, 'refs/heads/b*:refs/heads/b*');
    expect(code).toBe(1);
    expect(text).toContain('21 branches and tags in one push; at most 20 can be deployed');
    expect(text).toContain('git push REMOTE BRANCH TAG');
    expect(front.control.received).toEqual([]);
    await isAsBefore();
    await work.must('push', url, ...Array.from({ length: 20 }, (__, index) => `b${index}`));
  });
});

it('takes any number of deletions', async () => {
  const sha = await work.commit('index.ts', '1');
  const branches = Array.from({ length: 30 }, (_, index) => `b${index}`);
  await work.must('push', url, 'main');
  for (const branch of branches) {
    await writeFile(join(front.repositoryOf(app), 'refs/heads', branch), `${sha}\n`);
  }
  await work.must('push', url, '--delete', ...branches);
  expect(front.control.released[1]?.updates.length).toBe(30);
  expect(await refsOf()).not.toContain('refs/heads/b');
});

it('keeps apart branches that the engine takes for one another', async () => {
  const main = await work.commit('index.ts', '1');
  await work.must('push', url, 'main');
  const evil = await work.commit('index.ts', '2');
  await work.must('push', url, 'main:refs/heads/main00evil');
  const refs = await refsOf();
  expect(refs).toContain(`${main}\trefs/heads/main\n`);
  expect(refs).toContain(`${evil}\trefs/heads/main00evil\n`);
});

it('takes Unicode names, many refs, an orphan and a detached head', async () => {
  await work.commit('index.ts', '1');
  await work.must('checkout', '--quiet', '--orphan', 'gh-pages');
  const orphan = await work.commit('page.html', 'x');
  await work.must('checkout', '--quiet', '--detach');
  await work.must(
    'push',
    url,
    'main',
    'main:refs/heads/größe/日本',
    'gh-pages',
    'HEAD:refs/heads/detached',
  );
  const refs = await refsOf();
  expect(refs).toContain('refs/heads/größe/日本');
  expect(refs).toContain(`${orphan}\trefs/heads/detached`);
});

it('takes a push from a shallow clone', async () => {
  await work.commit('index.ts', '1');
  await work.commit('index.ts', '2');
  await work.must('push', url, 'main');
  await work.must('clone', '--quiet', '--depth', '1', url, 'shallow');
  await work.must('-C', 'shallow', 'commit', '--quiet', '--allow-empty', '--message', '3');
  await work.must('-C', 'shallow', 'push', url, 'HEAD:refs/heads/main');
  expect(front.control.received[1]?.updates[0]?.commit?.subject).toBe('3');
});

it('takes push options', async () => {
  await work.commit('index.ts', '1');
  await work.must('push', '--push-option', 'skip=yes', url, 'main');
});

it('moves large packs and many files in both directions', async () => {
  for (let index = 0; index < 300; index += 1) {
    await writeFile(join(work.path, `file${index}`), String(Math.random()));
  }
  // Above http.postBuffer the client sends in chunks, after a probe.
  const noise = Buffer.from(Array.from({ length: 6_000_000 }, () => Math.random() * 256));
  await work.commit('noise.bin', noise.toString('base64'));
  await work.must('push', url, 'main');
  await work.must('clone', '--quiet', url, '.git/copy');
  expect(await readFile(join(work.path, '.git/copy/noise.bin'), 'utf8')).toBe(
    noise.toString('base64'),
  );
  await work.commit('index.ts', '2');
  await work.must('push', url, 'main');
  await work.must('-C', '.git/copy', 'pull', '--quiet');
  await access(join(work.path, '.git/copy/index.ts'));
});

it("clones by the protocol's second version too, answering in the first", async () => {
  await work.commit('index.ts', '1');
  await work.must('push', url, 'main');
  await work.must('-c', 'protocol.version=2', 'clone', '--quiet', url, 'copy');
});

it('clones the branch that was pushed first', async () => {
  const sha = await work.commit('index.ts', '1');
  await work.must('push', url, 'main:master');
  await work.must('push', url, 'main:other');
  await work.must('clone', '--quiet', url, 'copy');
  expect(await work.must('-C', 'copy', 'rev-parse', 'origin/HEAD', 'HEAD')).toBe(`${sha}\n${sha}`);
  expect(await work.must('-C', 'copy', 'branch', '--show-current')).toBe('master');
});

it('clones an app that has no commit yet', async () => {
  front.control.apps.set(app, newId('app'));
  expect(await work.must('clone', url, 'copy')).toContain('empty repository');
});

it('rejects a commit with more files than a function may have, before anything is listed whole', async () => {
  const blob = await work.must('hash-object', '-w', '--stdin');
  let tree = await treeOf(Array.from({ length: 10 }, (_, i) => `100644 blob ${blob}\tf${i}`));
  for (let level = 0; level < 9; level += 1) {
    tree = await treeOf(Array.from({ length: 10 }, (_, i) => `040000 tree ${tree}\td${i}`));
  }
  const commit = await work.must('commit-tree', tree, '-m', 'bomb');
  const { code, text } = await work.git('push', url, `${commit}:refs/heads/main`);
  expect(code).toBe(1);
  expect(text).toContain("can't be deployed: it has more than 100000 files");
  expect(await refsOf()).toBe('');
});

async function treeOf(entries: string[]): Promise<string> {
  const file = join(work.path, '.git', 'entries');
  await writeFile(file, `${entries.join('\n')}\n`);
  return work.must('-c', `alias.t=!git mktree < '${file}'`, 't');
}

it('lets a push go on whose client went away after the hook had it', async () => {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  front.control.preReceive = async () => {
    begun.resolve();
    await goOn.promise;
    return { accept: true };
  };
  const sha = await work.commit('index.ts', '1');
  const client = work.start('push', url, 'main');
  await begun.promise;
  signalGroup(client, 'SIGKILL');
  goOn.resolve();
  await eventually(async () => (await refsOf()).includes(sha));
  await eventually(() => front.control.released.length === 1);
});
