import type { BuildProblem } from '../protocol/builder.ts';

const PROBLEM_INDENT = ' !     ';
const DETAIL_INDENT = '       ';

/** Problems as a pusher reads them, in the order given: place and message, the source around it, what to do. */
export function describeProblems(problems: readonly BuildProblem[]): string[] {
  return problems.flatMap(describeProblem);
}

function describeProblem({ message, at, frame, hint }: BuildProblem): string[] {
  const place = at === null ? '' : `${at.file}:${at.line}:${at.column}  `;
  const lines = [`${PROBLEM_INDENT}${place}${message}`];
  lines.push(...frame.map((line) => DETAIL_INDENT + line));
  if (hint !== undefined) lines.push(PROBLEM_INDENT + hint);
  return lines;
}
