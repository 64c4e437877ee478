/**
 * The environment of an app: values for scopes, of which each deployment gets what applies to it. This file holds the
 * vocabulary and its pure rules; where values are kept, and how, is `secrets/`.
 */
import { printable } from '../std/printable.ts';
import type { DeploymentKind } from './deployment.ts';
import { shortRefName } from './slug.ts';

/** `plain` can be read back; `secret` can be written only, and is taken out of all that people see. */
export type ValueKind = 'plain' | 'secret';

/** Which deployments get a value. A branch's scope holds for its previews. */
export type Scope = 'all' | 'production' | 'preview' | `branch:${string}`;

/** One value for one scope. */
export interface EnvironmentEntry {
  name: string;
  scope: Scope;
  kind: ValueKind;
  /** Builds get it too. */
  isBuild: boolean;
  value: string;
}

/** What somebody wants of one name in one scope. */
export interface ValueChange {
  name: string;
  scope: Scope;
  /** Null removes it. */
  value: string | null;
  /** Without it: as it was, or as name and value say. */
  kind?: ValueKind | undefined;
  /** Without it: as it was, or not. */
  isBuild?: boolean | undefined;
}

/** What the code of one deployment finds in its environment. */
export interface DeploymentEnvironment {
  values: Record<string, string>;
  /** Of these, the names whose values nobody may see. */
  secretNames: string[];
}

/** What is sealed for one deployment: for the code, and for whoever starts it. */
export interface SealedEnvironment extends DeploymentEnvironment {
  /** Rules of fn.json. The supervisor opens what of them the operator allows; absent in files of older versions. */
  egress?: string[];
}

/** For whom an environment is put together. */
export interface EnvironmentTarget {
  kind: DeploymentKind;
  ref: string;
}

export const MAX_VALUE_BYTES = 64 * 1024;
/** Names and values of one deployment together. */
export const MAX_ENVIRONMENT_BYTES = 256 * 1024;
export const MAX_NAMES = 1_000;
/** A name counts once for each scope that it has a value for. */
export const MAX_ENTRIES = 3_000;
/** Names and values of all scopes together: each change and each redactor has all of them in memory. */
export const MAX_APP_BYTES = 1024 * 1024;

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const MAX_BRANCH_CHARACTERS = 200;
const SECRET_NAME = /SECRET|KEY|TOKEN|PRIVATE|PASSWORD/i;
/** A URL with a password in it (RFC 3986, section 3.2.1), as databases have them. */
const URL_WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@:]*:[^\s/?#@]+@/i;

/** Names that would not do what their user expects, and why. */
const RESERVED: readonly [pattern: RegExp, why: string][] = [
  [/^FN_/, 'the platform sets the variables that begin with FN_'],
  [/^GIT_REV$/, 'the platform sets it to the commit'],
  [/^AWS_LAMBDA_/, 'the runtime sets the variables that begin with AWS_LAMBDA_'],
  [/^LD_/, 'it would change how the system loads every program'],
  [/^NODE_OPTIONS$/, 'it would change how Node itself runs'],
  [/^PATH$/, 'it would change which programs are found'],
  [/^__proto__$/, 'JavaScript gives this name a meaning of its own'],
];

/** Why a name can't be used, or null. */
export function environmentNameProblem(name: string): string | null {
  if (!NAME.test(name)) {
    return `"${name.slice(0, 40)}" is no name: letters, digits and _, at most 128, no digit first`;
  }
  const reserved = RESERVED.find(([pattern]) => pattern.test(name));
  return reserved === undefined ? null : `${name} is reserved: ${reserved[1]}`;
}

/** Why a value can't be stored, or null. It says nothing of the value itself. */
export function environmentValueProblem(name: string, value: string): string | null {
  const bytes = Buffer.byteLength(value);
  if (bytes > MAX_VALUE_BYTES) {
    return `the value of ${name} has ${bytes} bytes, and at most ${MAX_VALUE_BYTES} are possible`;
  }
  if (value.includes('\0')) return `the value of ${name} holds a NUL, which no variable can`;
  if (!value.isWellFormed()) return `the value of ${name} is no valid Unicode`;
  return null;
}

/** Why these values together are too many or too large, or null. */
export function environmentSizeProblem(entries: readonly EnvironmentEntry[]): string | null {
  const names = new Set(entries.map(({ name }) => name)).size;
  if (names > MAX_NAMES)
    return `${names} names are more than the ${MAX_NAMES} that an app can have`;
  if (entries.length > MAX_ENTRIES) {
    return `${entries.length} values are more than the ${MAX_ENTRIES} that an app can have in all scopes`;
  }
  const total = entries.reduce((sum, entry) => sum + bytesOfValue(entry.name, entry.value), 0);
  if (total > MAX_APP_BYTES) {
    return `names and values of all scopes would have ${total} bytes, and at most ${MAX_APP_BYTES} are possible`;
  }
  const scopes = new Set<Scope>([...entries.map(({ scope }) => scope), 'production', 'preview']);
  for (const scope of scopes) {
    const { values } = effectiveEnvironment(entries, targetOfScope(scope), {});
    const bytes = bytesOf(values);
    if (bytes <= MAX_ENVIRONMENT_BYTES) continue;
    return `names and values for ${scope} would have ${bytes} bytes, and at most ${MAX_ENVIRONMENT_BYTES} are possible`;
  }
  return null;
}

/** The scope that somebody wrote, or null. */
export function parseScope(text: string): Scope | null {
  if (text === 'all' || text === 'production' || text === 'preview') return text;
  const branch = /^branch:(\S+)$/.exec(text)?.[1];
  if (branch === undefined || branch.length > MAX_BRANCH_CHARACTERS) return null;
  // Whoever lists the environment sees it in a terminal.
  if (printable(branch) !== branch) return null;
  return `branch:${branch}`;
}

/** What a value is whose user did not say. */
export function defaultValueKind(name: string, value: string): ValueKind {
  return SECRET_NAME.test(name) || hasPassword(value) ? 'secret' : 'plain';
}

/** Why a value is a secret that nobody called one, or null when its name says it already. */
export function unaskedSecretReason({ name, value, kind }: ValueChange): string | null {
  if (kind !== undefined || value === null) return null;
  if (SECRET_NAME.test(name) || !hasPassword(value)) return null;
  return `${name} is kept as a secret: it is a URL with a password (--plain keeps it readable)`;
}

/** Whether it is a URL with a password. */
export function hasPassword(value: string): boolean {
  return URL_WITH_PASSWORD.test(value.trim());
}

/** The scopes whose values a deployment gets; a later one goes before an earlier one. */
export function scopesOf({ kind, ref }: EnvironmentTarget): Scope[] {
  switch (kind) {
    case 'production':
      return ['all', 'production'];
    case 'branch':
      return ['all', 'preview', `branch:${shortRefName(ref)}`];
    case 'tag':
    case 'commit':
      return ['all', 'preview'];
    default:
      return kind satisfies never;
  }
}

/** What a deployment gets: the bundle's own variables below the values of its scopes. */
export function effectiveEnvironment(
  entries: readonly EnvironmentEntry[],
  target: EnvironmentTarget,
  bundleVariables: Readonly<Record<string, string>>,
): DeploymentEnvironment {
  const chosen = new Map<string, { value: string; kind: ValueKind }>();
  for (const [name, value] of Object.entries(bundleVariables)) {
    // They come out of a build, which runs the tenant's own code.
    if (environmentNameProblem(name) !== null || environmentValueProblem(name, value) !== null) {
      continue;
    }
    chosen.set(name, { value, kind: 'plain' });
  }
  for (const scope of scopesOf(target)) {
    for (const entry of entries) if (entry.scope === scope) chosen.set(entry.name, entry);
  }
  const sorted = [...chosen].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    values: Object.fromEntries(sorted.map(([name, { value }]) => [name, value])),
    secretNames: sorted.filter(([, { kind }]) => kind === 'secret').map(([name]) => name),
  };
}

/** Whether two environments are alike for the code that runs with them. */
export function isSameEnvironment(a: DeploymentEnvironment, b: DeploymentEnvironment): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The secret values among them, by name: what has to be taken out of text. */
export function secretsOf(environment: DeploymentEnvironment): Record<string, string> {
  const { values, secretNames } = environment;
  return Object.fromEntries(secretNames.map((name) => [name, values[name] ?? '']));
}

function targetOfScope(scope: Scope): EnvironmentTarget {
  if (scope === 'production') return { kind: 'production', ref: '' };
  const branch = scope.startsWith('branch:') ? scope.slice('branch:'.length) : '';
  return { kind: 'branch', ref: `refs/heads/${branch}` };
}

function bytesOf(values: Record<string, string>): number {
  return Object.entries(values).reduce((sum, [name, value]) => sum + bytesOfValue(name, value), 0);
}

function bytesOfValue(name: string, value: string): number {
  return name.length + Buffer.byteLength(value);
}
