import type { EnvironmentTarget } from '../model/environment.ts';
import type { EnvironmentRead } from '../protocol/builder.ts';
import { shortRefName } from '../model/slug.ts';
import type { MissingVariable, Preflight } from './preflight.ts';
import { detailLine, problemLine, warningLine } from './report.ts';

/** More would scroll away what was found first. */
const MAX_SHOWN = 20;

/** The lines for the pusher: what is missing and how to set it, then what is only unset. */
export function preflightLines(found: Preflight, target: EnvironmentTarget): string[] {
  const missing = found.missing.slice(0, MAX_SHOWN);
  return [
    ...missing.map((variable) => problemLine(describeMissing(variable, target))),
    ...missing.map(({ name }) => detailLine(setCommand(name, target))),
    ...found.unset.slice(0, MAX_SHOWN).map((read) => warningLine(describeUnset(read))),
  ];
}

export function describeMissing(
  { name, read, elsewhere }: MissingVariable,
  target: EnvironmentTarget,
): string {
  const where = read === null ? '' : ` (read at ${read.file}:${read.line})`;
  const why =
    elsewhere.length === 0 ? 'app.json requires it' : `it is set for ${elsewhere.join(', ')} only`;
  return `${name} is not set for ${describeTarget(target)}: ${why}${where}`;
}

function describeUnset({ name, file, line }: EnvironmentRead): string {
  return `${name} is not set, and ${file}:${line} reads it without a default`;
}

/** A secret's value should not stand in a shell's history: it is read from standard input. */
function setCommand(name: string, target: EnvironmentTarget): string {
  const scope = target.kind === 'production' ? 'production' : 'preview';
  return `fn env set ${name}=- --scope ${scope}    (reads the value from standard input)`;
}

function describeTarget({ kind, ref }: EnvironmentTarget): string {
  return kind === 'production' ? 'production' : `the preview of ${shortRefName(ref)}`;
}
