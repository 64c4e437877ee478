import type { BuildProblem } from '../protocol/builder.ts';
import { comparePatterns, parsePathPattern } from '../protocol/path-pattern.ts';
import type { FunctionPlan } from './plan-functions.ts';

/** Names each pair of functions that would answer one path and method. */
export function pathConflicts(functions: readonly FunctionPlan[]): BuildProblem[] {
  const claims = functions
    .map((plan) => ({ plan, pattern: parsePathPattern(plan.path ?? '/*') }))
    .sort((a, b) => comparePatterns(a.pattern, b.pattern));
  return claims.flatMap((claim, index) => {
    const rivals: BuildProblem[] = [];
    // Sorted, all that claim the same paths stand together.
    for (const other of claims.slice(index + 1)) {
      if (comparePatterns(claim.pattern, other.pattern) !== 0) break;
      if (sharesMethod(claim.plan, other.plan)) rivals.push(describe(claim.plan, other.plan));
    }
    return rivals;
  });
}

function sharesMethod(a: FunctionPlan, b: FunctionPlan): boolean {
  if (a.methods === undefined || b.methods === undefined) return true;
  return a.methods.some((method) => b.methods?.includes(method));
}

function describe(a: FunctionPlan, b: FunctionPlan): BuildProblem {
  const paths = a.path === b.path || b.path === undefined ? a.path : `${a.path} and ${b.path}`;
  return {
    message: `two functions answer ${paths ?? '/*'}: ${a.entry} ("${a.name}") and ${b.entry} ("${b.name}")`,
    at: null,
    frame: [],
    hint: 'remove or rename one of them, or give one another "path" or other "methods" in fn.json',
  };
}
