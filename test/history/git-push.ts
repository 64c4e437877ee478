import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { signalGroup } from '../support/signals.ts';
import type { TestRepository } from '../support/repository.ts';
import type { Answer } from './history.ts';
import { PRODUCTION } from './script.ts';

const DEADLINE_MS = 90_000;

export interface PushAnswer {
  said: string;
  isInterrupted: boolean;
  isPostponed: boolean;
  /** Of one ref of the push. */
  answerOf(ref: string): Answer;
  /** That it was told to be live, in production or at the host of a branch. */
  versionOf(ref: string): number | null;
}

/** `git push --force` of a commit, or of nothing, to branches; interrupted as by Ctrl-C when asked. */
export async function gitPush(
  repository: TestRepository,
  url: string,
  push: { commit: string | null; refs: string[]; interruptAfterMs: number | null },
): Promise<PushAnswer> {
  const updates = push.refs.map((ref) => `${push.commit ?? ''}:refs/heads/${ref}`);
  const child = spawn('git', ['push', '--porcelain', '--force', url, ...updates], {
    cwd: repository.folder,
    detached: true,
    env: { PATH: process.env['PATH'], HOME: dirname(repository.folder), GIT_TERMINAL_PROMPT: '0' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  }
  let isInterrupted = false;
  const interrupt = setTimeout(() => {
    isInterrupted = true;
    signalGroup(child, 'SIGINT');
  }, push.interruptAfterMs ?? DEADLINE_MS);
  await once(child, 'close');
  clearTimeout(interrupt);
  return {
    said,
    isInterrupted,
    isPostponed: said.includes('its release was not confirmed'),
    answerOf: (ref) => answerOf(said, ref),
    versionOf: (ref) => versionOf(said, ref),
  };
}

/** By git's own table: `<flag> TAB <from>:<to> TAB <summary>`, `!` for what was rejected. */
function answerOf(said: string, ref: string): Answer {
  const row = said.split('\n').find((line) => line.split('\t')[1]?.endsWith(`:refs/heads/${ref}`));
  if (row === undefined) return 'unknown';
  if (!row.startsWith('!')) return 'ok';
  // Without a word about the ref, the answer was lost.
  return row.includes('remote failed to report status') ? 'unknown' : 'refused';
}

/** From the block that ends a release, or from the line that there was nothing to release. */
function versionOf(said: string, ref: string): number | null {
  const target = ref === PRODUCTION ? 'production' : `branch ${ref}`;
  const live = new RegExp(`Live: ${target} v(\\d+) of `).exec(said);
  return live === null ? null : Number(live[1]);
}
