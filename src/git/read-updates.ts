import { MAX_DELETIONS_PER_PUSH, MAX_REFS_PER_PUSH } from '../model/limits.ts';
import { refProblem, ZERO_OID } from '../model/ref.ts';
import { shortSha } from '../protocol/display.ts';
import type { CommitInfo, RefUpdate } from '../protocol/git-front.ts';
import { readCommit } from './commits.ts';
import type { GitPlace, GitRunner } from './git-runner.ts';
import type { UpdateLine } from './hook-input.ts';
import type { TreeLimits } from './limits.ts';
import { withObjects, type ObjectReader } from './object-reader.ts';
import { createTreeCheck } from './tree-check.ts';

export type ReadUpdates =
  | { kind: 'updates'; updates: RefUpdate[] }
  /** Lines for the pusher: what keeps this push from being looked at. */
  | { kind: 'refused'; lines: string[] };

interface Deps {
  git: GitRunner;
  limits: TreeLimits;
}

/** Checks a push's updates against what may be pushed at all, and reads what they point to. */
export async function readUpdates(
  deps: Deps,
  place: GitPlace,
  lines: UpdateLine[],
): Promise<ReadUpdates> {
  const newShas = lines.map((line) => line.newSha).filter((sha) => sha !== ZERO_OID);
  const deletions = lines.length - newShas.length;
  const refused = [...refProblems(lines), ...countProblems(newShas.length, deletions)];
  if (refused.length > 0) return { kind: 'refused', lines: refused };

  const tips = [...new Set(newShas)];
  // Nothing is read for a push that only deletes.
  const { byTip, problems } =
    tips.length === 0
      ? { byTip: new Map<string, CommitInfo>(), problems: [] }
      : await withObjects(deps.git, place, (objects) => readTips(objects, tips, deps.limits));
  if (problems.length > 0) return { kind: 'refused', lines: problems };

  const updates = lines.map((line) => ({ ...line, commit: byTip.get(line.newSha) ?? null }));
  return { kind: 'updates', updates };
}

function refProblems(lines: UpdateLine[]): string[] {
  return lines.flatMap(({ ref }) => {
    const problem = refProblem(ref);
    return problem === null ? [] : [` !     ${ref}: ${problem}`];
  });
}

/** Refs count, not commits: each gets a URL and workers of its own, also when all point to one commit. */
function countProblems(count: number, deletions: number): string[] {
  const problems: string[] = [];
  if (count > MAX_REFS_PER_PUSH) {
    problems.push(
      ` !     ${count} branches and tags in one push; at most ${MAX_REFS_PER_PUSH} can be deployed at once.`,
      '       Name fewer at a time: git push REMOTE BRANCH TAG …',
    );
  }
  if (deletions > MAX_DELETIONS_PER_PUSH) {
    problems.push(
      ` !     ${deletions} branches and tags to delete in one push; at most ${MAX_DELETIONS_PER_PUSH} go at once.`,
      '       Name fewer at a time: git push --delete REMOTE BRANCH TAG …',
    );
  }
  return problems;
}

/** The commit of each tip, and what keeps some from being deployed. */
async function readTips(
  objects: ObjectReader,
  tips: string[],
  limits: TreeLimits,
): Promise<{ byTip: Map<string, CommitInfo>; problems: string[] }> {
  const trees = createTreeCheck(objects, limits);
  const byTip = new Map<string, CommitInfo>();
  const problems: string[] = [];
  for (const tip of tips) {
    const commit = await readCommit(objects, tip);
    const problem = commit === null ? null : await trees.problemOf(commit.tree);
    if (commit === null) problems.push(notACommit(tip));
    else if (problem !== null) problems.push(notDeployable(tip, problem));
    else byTip.set(tip, commit);
  }
  return { byTip, problems };
}

function notDeployable(tip: string, problem: string): string {
  return ` !     commit ${shortSha(tip)} can't be deployed: ${problem}`;
}

function notACommit(tip: string): string {
  return ` !     ${shortSha(tip)} is no commit: only commits, and tags of commits, can be pushed`;
}
