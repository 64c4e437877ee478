import type { Command } from 'commander';
import type { DomainView } from '../protocol/domains-api.ts';
import { allPages } from './all-pages.ts';
import { newCommand } from './command.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from './command-context.ts';
import {
  describeCertificate,
  describeTarget,
  domainsPath,
  problemsOf,
  shown,
} from './domains-show.ts';
import { formatTable } from './output.ts';

const HEADING = ['NAME', 'STATE', 'SERVES', 'CERTIFICATE', 'PROBLEM'];

export function listDomains(ctx: CommandContext): Command {
  return newCommand('list', 'list the domains of an app')
    .option('--app <name>', 'the app, when not that of this repository')
    .action(async (options: AppOptions) => {
      const client = await connect(ctx);
      const path = await domainsPath(ctx, options);
      const items = await allPages<DomainView>(client, path);
      if (options.json) return ctx.output.json({ items });
      if (items.length === 0) {
        const appName = await chooseApp(ctx, options);
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
