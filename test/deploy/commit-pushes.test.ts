import { describe, expect, it } from 'vitest';
import { createCommitPushes, StoredCommit } from '../../src/deploy/index.ts';
import type { App } from '../../src/store/apps.ts';

type Deps = Parameters<typeof createCommitPushes>[0];

const SHA = '1'.repeat(40);
const ELSEWHERE = '2'.repeat(40);

/** A push of files whose every step goes well, but for those that are given. */
function pushWith(steps: {
  moveBranch?: () => Promise<boolean>;
  at?: string | null;
  settle?: () => Promise<void>;
  postReceive?: (report: (line: string) => void) => Promise<boolean>;
  outcome?: string;
}): Promise<string[]> {
  const commits = createCommitPushes({
    repository: {
      writeCommit: async () => ({ sha: SHA, tree: SHA, subject: '', author: '' }),
      moveBranch: steps.moveBranch ?? (async () => true),
      readRef: async () => steps.at ?? null,
    },
    pushes: {
      preReceive: async () => true,
      postReceive: (_: unknown, report: (line: string) => void) =>
        steps.postReceive?.(report) ?? Promise.resolve(true),
    },
    lives: { settle: steps.settle ?? (async () => {}) },
    journal: { find: () => ({ outcome: steps.outcome ?? null, end: () => {} }) },
    address: { controlHost: 'localhost' },
    clock: { now: () => 0 },
  } as unknown as Deps);
  const commit = { ref: 'refs/heads/main', parent: null, message: 'Change', files: [] };
  const by = { tokenId: 'tok-1', tokenName: 'ada' };
  const { signal } = new AbortController();
  return commits.push({ id: 'app-1', name: 'one' } as App, commit, { by, signal });
}

const fail = () => Promise.reject(new Error('stuck'));

describe('a push of files', () => {
  it('ends well when all of it went well', async () => {
    await expect(pushWith({})).resolves.toEqual([]);
  });

  it.each([
    ['its app could not be settled', { settle: fail }],
    ['its release had trouble', { postReceive: fail }],
    ['its release was not confirmed', { postReceive: async () => false }],
    ['nobody says where its branch is', { moveBranch: fail, at: ELSEWHERE }],
  ])('is stored, as far as anybody knows, when %s', async (_, steps) => {
    const error = await pushWith(steps).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoredCommit);
    expect(error).toMatchObject({ code: 'unavailable', hint: expect.stringContaining('again') });
  });

  it('goes on when its branch could not be moved at first', async () => {
    let tries = 0;
    const moveBranch = async (): Promise<boolean> => {
      tries += 1;
      if (tries === 1) throw new Error('the git front is starting');
      return true;
    };
    await expect(pushWith({ moveBranch, at: null })).resolves.toEqual([]);
  });

  it('goes on when its branch was moved and only the answer was lost', async () => {
    await expect(pushWith({ moveBranch: fail, at: SHA })).resolves.toEqual([]);
  });

  it('says why it was stored and is not live', async () => {
    const postReceive = async (report: (line: string) => void): Promise<boolean> => {
      report(' !     not released: superseded by 2222222');
      return false;
    };
    const error = await pushWith({ postReceive, outcome: 'superseded' }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(StoredCommit);
    expect(error).toMatchObject({
      code: 'superseded',
      message: 'not released: superseded by 2222222',
    });
  });
});
