import type { Command } from 'commander';
import { newCommand } from '../../command.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from '../../command-context.ts';
import { confirm } from '../../terminal/confirm.ts';

export function removeDomain(ctx: CommandContext): Command {
  return newCommand('remove', 'remove a domain')
    .argument('<domain>', 'as fn domains list shows it')
    .option('--app <name>', 'the app, when not that of this repository')
    .action(async (name: string, options: AppOptions) => {
      const client = await connect(ctx);
      const params = { app: await chooseApp(ctx, options), name };
      await confirm(ctx, options, `Remove ${name}? It answers no more at once`);
      const removed = await client.call('removeDomain', { params });
      if (options.json) return ctx.output.json(removed);
      ctx.output.line(`${removed.name} is removed.`);
      for (const other of removed.redirects) {
        ctx.output.line(`${other} redirects to it no more and serves the app itself.`);
      }
      if (removed.quarantinedUntil === null) return;
      const day = removed.quarantinedUntil.slice(0, 10);
      ctx.output.line(
        `No other app gets the name before ${day}; this one may add it again at once.`,
      );
    });
}
