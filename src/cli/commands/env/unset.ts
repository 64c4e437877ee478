import type { Command } from 'commander';
import type { CommandContext } from '../../command-context.ts';
import { changeEnvironment } from './change.ts';
import { newScopeCommand, type ScopeOptions } from './options.ts';

export function unsetEnvironment(ctx: CommandContext): Command {
  return newScopeCommand('unset', 'unset values')
    .argument('<names...>', 'as fn env list shows them')
    .action(async (names: string[], options: ScopeOptions) => {
      const { scope } = options;
      await changeEnvironment(ctx, options, { unset: names.map((name) => ({ name, scope })) });
    });
}
