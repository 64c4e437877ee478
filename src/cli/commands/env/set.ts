import type { Command } from 'commander';
import type { CommandContext } from '../../command-context.ts';
import { changeEnvironment, type EnvironmentPatch } from './change.ts';
import { newValueCommand, type ValueOptions, valueFields } from './options.ts';
import { readAssignments } from './values.ts';

export function setEnvironment(ctx: CommandContext): Command {
  return newValueCommand('set', 'set values')
    .argument('<name=value...>', 'NAME=VALUE; NAME=- reads standard input, NAME=@FILE a file')
    .addHelpText(
      'after',
      '\nAll of them become one version, or none does, and are live without a build. Of what comes from a\nfile or from standard input one line feed at the end is left out.',
    )
    .action(async (words: string[], options: ValueOptions) => {
      const values = await readAssignments(ctx, words);
      const fields = valueFields(options);
      const patch: EnvironmentPatch = { set: values.map((value) => ({ ...value, ...fields })) };
      await changeEnvironment(ctx, options, patch);
    });
}
