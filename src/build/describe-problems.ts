import type { BuildProblem } from '../protocol/builder.ts';

const PROBLEM_INDENT = ' !     ';
const DETAIL_INDENT = '       ';
const WARNING_INDENT = `${DETAIL_INDENT}warning: `;

/** Problems as a pusher reads them, in the order given: place and message, the source around it, what to do. */
export function describeProblems(problems: readonly BuildProblem[]): string[] {
  return problems.flatMap(describeProblem);
}

/** What a pusher may want to know: a line each, without the source around it, since a push shows them every time. */
export function describeWarnings(warnings: readonly BuildProblem[]): string[] {
  return warnings.map(({ message, at }) => WARNING_INDENT + describePlace(at) + message);
}

function describeProblem({ message, at, frame, hint }: BuildProblem): string[] {
  const lines = [PROBLEM_INDENT + describePlace(at) + message];
  lines.push(...frame.map((line) => DETAIL_INDENT + line));
  if (hint !== undefined) lines.push(PROBLEM_INDENT + hint);
  return lines;
}

function describePlace(at: BuildProblem['at']): string {
  return at === null ? '' : `${at.file}:${at.line}:${at.column}  `;
}
