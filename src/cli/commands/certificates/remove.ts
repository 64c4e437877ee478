import type { Command } from 'commander';
import { newCommand } from '../../command.ts';
import { type CommandContext, type CommonOptions, connect } from '../../command-context.ts';
import { confirm } from '../../terminal/confirm.ts';

export function removeCertificate(ctx: CommandContext): Command {
  return newCommand('remove', 'remove an uploaded certificate')
    .argument('<certificate>', 'its ID, as fn certificates list shows it')
    .action(async (id: string, options: CommonOptions) => {
      const client = await connect(ctx);
      await confirm(ctx, options, `Remove ${id}? Its names are served by another, if there is one`);
      await client.call('removeCertificate', { params: { id } });
      if (options.json) return ctx.output.json({ id, isRemoved: true });
      ctx.output.line(`${id} is removed.`);
    });
}
