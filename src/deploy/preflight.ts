import { type EnvironmentEntry, type Scope, scopesOf } from '../model/environment.ts';
import type { EnvironmentTarget } from '../model/environment.ts';
import type { EnvironmentNeeds, EnvironmentRead } from '../protocol/builder.ts';

/**
 * Compares what the code reads of its environment with what it would get, before anything runs. Only what would
 * surely be missed rejects: what app.json requires, and what the app has elsewhere and not here. A variable that is
 * nowhere set may be one that the code can do without in a way that nobody can see from outside.
 */
export interface Preflight {
  /** Each keeps the deployment from going live. */
  missing: MissingVariable[];
  /** Worth a look. */
  unset: EnvironmentRead[];
}

export interface MissingVariable {
  name: string;
  /** Where the code reads it; null when it does not, or not visibly. */
  read: EnvironmentRead | null;
  /** The scopes in which the app has it; none when app.json requires it and it is nowhere. */
  elsewhere: Scope[];
}

/** What the platform or the runtime sets in every worker. */
const PROVIDED =
  /^(FN_\w+|AWS_LAMBDA_\w+|AWS_REGION|GIT_REV|NODE_ENV|LAMBDA_TASK_ROOT|_HANDLER|PATH|HOME|TZ|CI)$/;

export function preflight(
  needs: EnvironmentNeeds,
  given: ReadonlySet<string>,
  { entries, target }: { entries: readonly EnvironmentEntry[]; target: EnvironmentTarget },
): Preflight {
  const isMissing = (name: string): boolean => !given.has(name) && !PROVIDED.test(name);
  const own = new Set(scopesOf(target));
  const elsewhere = (name: string): Scope[] =>
    entries.filter((entry) => entry.name === name && !own.has(entry.scope)).map((e) => e.scope);
  const reads = needs.reads.filter((read) => !read.hasDefault && isMissing(read.name));
  const required = new Set(needs.required.filter(isMissing));
  const missing = new Map<string, MissingVariable>();
  for (const name of required) {
    const read = needs.reads.find((entry) => entry.name === name) ?? null;
    missing.set(name, { name, read, elsewhere: elsewhere(name) });
  }
  for (const read of reads) {
    const { name } = read;
    if (missing.has(name) || elsewhere(name).length === 0) continue;
    missing.set(name, { name, read, elsewhere: elsewhere(name) });
  }
  return { missing: [...missing.values()], unset: firstReads(reads, missing) };
}

/** The first place of each name that is not reported as missing. */
function firstReads(
  reads: EnvironmentRead[],
  missing: ReadonlyMap<string, unknown>,
): EnvironmentRead[] {
  const first = new Map<string, EnvironmentRead>();
  for (const read of reads) {
    if (!missing.has(read.name) && !first.has(read.name)) first.set(read.name, read);
  }
  return [...first.values()];
}
