import { afterAll, beforeAll } from 'vitest';
import { newId } from '../../../src/std/ids.ts';
import { authorized, commandList, rawRequest, type RawAnswer } from './raw-request.ts';
import { startFront, type RunningFront } from './start-front.ts';
import { createWorkTree, urlOf, type WorkTree } from './work-tree.ts';

export const PUSH = '/mine.git/git-receive-pack';
export const FETCH = '/mine.git/git-upload-pack';
export const INFO = '/mine.git/info/refs?service=git-receive-pack';

/** A front with an app "mine" that has a branch, and raw requests to it. */
export interface GuardedFront extends AsyncDisposable {
  front: RunningFront;
  work: WorkTree;
  sha: string;
  /** A push of one commit to refs/heads/main as the git client sends it: command list and pack. */
  wholePush: Buffer;
  post(target: string, headers: string[], body: Uint8Array | string): Promise<RawAnswer>;
  get(target: string, headers?: string[]): Promise<RawAnswer>;
  refs(): Promise<string>;
}

/** One for all tests of a file; what it gives is there once the tests run. */
export function useGuardedFront(): () => GuardedFront {
  let guarded: GuardedFront | null = null;
  beforeAll(async () => {
    guarded = await startGuardedFront();
  });
  afterAll(() => guarded?.[Symbol.asyncDispose]());
  return () => {
    if (guarded === null) throw new Error('the front starts before the first test, not before');
    return guarded;
  };
}

async function startGuardedFront(): Promise<GuardedFront> {
  const front = await startFront();
  const work = await createWorkTree();
  const sha = await work.commit('index.ts', 'export {}');
  await work.must('push', urlOf(front.origin, 'mine'), 'main:first');
  front.control.tokens.set('reader', { role: 'viewer' });
  front.control.tokens.set('other', { role: 'admin', app: 'other' });
  front.control.apps.set('other', newId('app'));
  const wholePush = Buffer.concat([commandList(['refs/heads/main'], sha), await work.pack(sha)]);
  return {
    front,
    work,
    sha,
    wholePush,
    post: (target, headers, body) =>
      rawRequest(front.sockets.gitHttp, { method: 'POST', target, headers, body }),
    get: (target, headers = authorized()) => rawRequest(front.sockets.gitHttp, { target, headers }),
    refs: async () => (await work.git('ls-remote', urlOf(front.origin, 'mine'))).text,
    async [Symbol.asyncDispose]() {
      await work[Symbol.asyncDispose]();
      await front[Symbol.asyncDispose]();
    },
  };
}
