import type { Command } from 'commander';
import type { Page } from '../protocol/control-api.ts';
import type { DomainView } from '../protocol/domains-api.ts';
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
      const page = await client.call<Page<DomainView>>({ method: 'GET', path });
      if (options.json) return ctx.output.json(page);
      if (page.items.length === 0) {
        const appName = await chooseApp(ctx, options);
        ctx.output.line(`${appName} has no domains. Add one: fn domains add www.example.com`);
        return;
      }
      const rows = page.items.map((domain) => [
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
