import { type Command, InvalidArgumentError, Option } from 'commander';
import { newCommand } from '../../command.ts';
import type { AppOptions } from '../../command-context.ts';

export interface ScopeOptions extends AppOptions {
  scope: string;
}

export interface ValueOptions extends ScopeOptions {
  secret?: true;
  plain?: true;
  build?: boolean;
}

const SCOPE = /^(all|production|preview|branch:\S+)$/;

/** A command that works on one scope of an app's environment. */
export function newScopeCommand(name: string, doing: string, scope = 'all'): Command {
  return newCommand(name, doing)
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--scope <scope>', 'all, production, preview or branch:NAME', readScope, scope);
}

/** The same, for one that gives values. */
export function newValueCommand(name: string, doing: string): Command {
  return newScopeCommand(name, doing)
    .addOption(
      new Option(
        '--secret',
        'nobody can read it back (usual for names with KEY, SECRET, TOKEN, …, and URLs with a password)',
      ).conflicts('plain'),
    )
    .option('--plain', 'it can be read back')
    .option('--build', 'builds get it too')
    .option('--no-build', 'builds do not get it');
}

/** What of a value's options was said; what was not stays as it was. */
export function valueFields({ scope, secret, plain, build }: ValueOptions) {
  return {
    scope,
    ...(secret && { kind: 'secret' as const }),
    ...(plain && { kind: 'plain' as const }),
    ...(build !== undefined && { build }),
  };
}

function readScope(text: string): string {
  if (SCOPE.test(text)) return text;
  throw new InvalidArgumentError('It is all, production, preview or branch:NAME.');
}
