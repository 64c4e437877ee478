import type { Command } from 'commander';
import { newCommand } from './command.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from './command-context.ts';
import { describeCertificate, describeTarget, problemsOf, shown } from './domains-show.ts';
import { listAll } from './list-all.ts';
import { formatTable } from './output.ts';

const HEADING = ['NAME', 'STATE', 'SERVES', 'CERTIFICATE', 'PROBLEM'];

export function listDomains(ctx: CommandContext): Command {
  return newCommand('list', 'list the domains of an app')
    .option('--app <name>', 'the app, when not that of this repository')
    .action(async (options: AppOptions) => {
      const client = await connect(ctx);
      const appName = await chooseApp(ctx, options);
      const items = await listAll(client, 'listDomains', { params: { app: appName } });
      if (options.json) return ctx.output.json({ items });
      if (items.length === 0) {
        ctx.output.line(`${appName} has no domains. Add one: fn domains add www.example.com`);
        return;
      }
      const rows = items.map((domain) => [
        domain.name,
        domain.state,
        describeTarget(domain),
        describeCertificate(domain),
        shown(problemsOf(domain).join('; ')),
      ]);
      for (const line of formatTable(HEADING, rows)) {
        ctx.output.line(line);
      }
    });
}
