import { MAX_TIPS_PER_PUSH } from '../model/limits.ts';
import { refProblem, ZERO_OID } from '../model/ref.ts';
import type { RefUpdate } from '../protocol/git-front.ts';
import { readCommit, toCommitInfo, type ReadCommit } from './commits.ts';
import type { GitPlace, GitRunner } from './git-runner.ts';
import type { UpdateLine } from './hook-server.ts';
import type { TreeLimits } from './limits.ts';
import { withObjects, type ObjectReader } from './object-reader.ts';
import { createTreeCheck } from './tree-check.ts';

const ANCESTRY_MS = 60_000;
const SHORT_SHA = 12;

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
  const tips = [...new Set(lines.map((line) => line.newSha).filter((sha) => sha !== ZERO_OID))];
  const refused = refProblems(lines, tips);
  if (refused.length > 0) return { kind: 'refused', lines: refused };

  // Nothing is read for a push that only deletes.
  const { byTip, problems } =
    tips.length === 0
      ? { byTip: new Map<string, ReadCommit>(), problems: [] }
      : await withObjects(deps.git, place, (objects) => readTips(objects, tips, deps.limits));
  if (problems.length > 0) return { kind: 'refused', lines: problems };

  const updates = lines.map(async (line): Promise<RefUpdate> => {
    const commit = byTip.get(line.newSha) ?? null;
    return {
      ...line,
      commit: commit === null ? null : toCommitInfo(commit),
      isForced: commit !== null && (await isForced(deps.git, place, { line, commit })),
    };
  });
  return { kind: 'updates', updates: await Promise.all(updates) };
}

function refProblems(lines: UpdateLine[], tips: string[]): string[] {
  const problems = lines.flatMap(({ ref }) => {
    const problem = refProblem(ref);
    return problem === null ? [] : [` !     ${ref}: ${problem}`];
  });
  if (tips.length > MAX_TIPS_PER_PUSH) {
    problems.push(
      ` !     ${tips.length} different commits in one push; at most ${MAX_TIPS_PER_PUSH} can be deployed at once.`,
      '       Push fewer branches and tags at a time.',
    );
  }
  return problems;
}

/** The commit of each tip, and what keeps some from being deployed. */
async function readTips(
  objects: ObjectReader,
  tips: string[],
  limits: TreeLimits,
): Promise<{ byTip: Map<string, ReadCommit>; problems: string[] }> {
  const trees = createTreeCheck(objects, limits);
  const byTip = new Map<string, ReadCommit>();
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
  return ` !     commit ${tip.slice(0, SHORT_SHA)} can't be deployed: ${problem}`;
}

function notACommit(tip: string): string {
  return ` !     ${tip.slice(0, SHORT_SHA)} is no commit: only commits, and tags of commits, can be pushed`;
}

/** Whether the new tip lacks the old one. Most pushes add commits on top, which a look at the parents shows. */
async function isForced(
  git: GitRunner,
  place: GitPlace,
  { line, commit }: { line: UpdateLine; commit: ReadCommit },
): Promise<boolean> {
  const { oldSha, newSha } = line;
  if (oldSha === ZERO_OID || commit.parents.includes(oldSha)) return false;
  const { code } = await git.run({
    place,
    args: ['merge-base', '--is-ancestor', oldSha, newSha],
    input: '',
    deadlineMs: ANCESTRY_MS,
    maxOutputBytes: 0,
  });
  return code !== 0;
}
