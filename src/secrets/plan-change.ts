import {
  defaultValueKind,
  environmentNameProblem,
  environmentSizeProblem,
  environmentValueProblem,
  hasPassword,
  type EnvironmentEntry,
  type ValueChange,
} from '../model/environment.ts';
import { PlatformError } from '../protocol/errors.ts';

export interface ChangePlan {
  set: EnvironmentEntry[];
  unset: Pick<EnvironmentEntry, 'name' | 'scope'>[];
}

/**
 * What several changes together come to; what is as it shall be already is left out. All of them are possible, or
 * none happens.
 * @throws PlatformError bad-request, too-large, not-found
 */
export function planChange(
  current: readonly EnvironmentEntry[],
  changes: readonly ValueChange[],
): ChangePlan {
  refuseRepeated(changes);
  const before = new Map(current.map((entry) => [keyOf(entry), entry]));
  const after = new Map(before);
  for (const change of changes) {
    if (change.value === null) remove(after, change);
    else after.set(keyOf(change), toEntry(change, { value: change.value, current }));
  }
  const problem = environmentSizeProblem([...after.values()]);
  if (problem !== null) throw new PlatformError('too-large', problem);
  return difference(before, after);
}

/** What leads from one set of values to another. What is a secret by now stays one. */
export function planRestore(
  current: readonly EnvironmentEntry[],
  wanted: readonly EnvironmentEntry[],
): ChangePlan {
  const byKey = (entries: readonly EnvironmentEntry[]) =>
    new Map(entries.map((entry) => [keyOf(entry), entry]));
  const secrets = namesOfSecrets(current);
  const kept = wanted.map((entry) => {
    return secrets.has(entry.name) ? { ...entry, kind: 'secret' as const } : entry;
  });
  return difference(byKey(current), byKey(kept));
}

/** Names that are secret in one scope at least. */
export function namesOfSecrets(
  entries: readonly Pick<EnvironmentEntry, 'name' | 'kind'>[],
): Set<string> {
  return new Set(entries.filter(({ kind }) => kind === 'secret').map(({ name }) => name));
}

type Entries = Map<string, EnvironmentEntry>;

function keyOf({ name, scope }: Pick<EnvironmentEntry, 'name' | 'scope'>): string {
  return `${name} ${scope}`;
}

function refuseRepeated(changes: readonly ValueChange[]): void {
  const seen = new Set<string>();
  for (const change of changes) {
    if (seen.has(keyOf(change))) {
      throw new PlatformError('bad-request', `${change.name} is named twice for ${change.scope}`, {
        hint: 'nothing was changed; name it once',
      });
    }
    seen.add(keyOf(change));
  }
}

function remove(after: Entries, change: ValueChange): void {
  if (after.delete(keyOf(change))) return;
  const others = [...after.values()].filter(({ name }) => name === change.name);
  const elsewhere = others.map(({ scope }) => scope).join(', ');
  const hint = others.length === 0 ? 'fn env list shows what is set' : `it is set for ${elsewhere}`;
  throw new PlatformError(
    'not-found',
    `${change.name.slice(0, 128)} is not set for ${change.scope}`,
    {
      hint: `nothing was changed; ${hint}`,
    },
  );
}

function toEntry(
  { name, scope, kind, isBuild }: ValueChange,
  { value, current }: { value: string; current: readonly EnvironmentEntry[] },
): EnvironmentEntry {
  refuse(environmentNameProblem(name), 'choose another name: fn env set OTHER_NAME=value');
  refuse(
    environmentValueProblem(name, value),
    'keep it elsewhere, and set where: fn env set NAME=value',
  );
  const namesakes = current.filter((entry) => entry.name === name);
  const former = namesakes.find((entry) => entry.scope === scope);
  // What is secret in one scope would hardly be readable in another by intention.
  const usual = namesOfSecrets(namesakes).has(name) ? 'secret' : defaultValueKind(name, value);
  // Who made such a value plain before has insisted on it; where none was, nobody has thought of it.
  const isNewlySecret = hasPassword(value) && former !== undefined && !hasPassword(former.value);
  return {
    name,
    scope,
    value,
    kind: kind ?? (isNewlySecret ? usual : former?.kind) ?? usual,
    isBuild: isBuild ?? former?.isBuild ?? false,
  };
}

function refuse(problem: string | null, remedy: string): void {
  if (problem === null) return;
  throw new PlatformError('bad-request', problem, { hint: `nothing was changed; ${remedy}` });
}

function difference(before: Entries, after: Entries): ChangePlan {
  const set = [...after.values()].filter((entry) => !isAlike(before.get(keyOf(entry)), entry));
  const unset = [...before.values()].filter((entry) => !after.has(keyOf(entry)));
  return { set, unset: unset.map(({ name, scope }) => ({ name, scope })) };
}

function isAlike(before: EnvironmentEntry | undefined, after: EnvironmentEntry): boolean {
  return (
    before?.value === after.value && before.kind === after.kind && before.isBuild === after.isBuild
  );
}
