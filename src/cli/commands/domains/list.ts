import type { Command } from 'commander';
import type { Domain } from '../../../protocol/control-client.generated.ts';
import { PlatformError } from '../../../protocol/errors.ts';
import { newCommand } from '../../command.ts';
import { type AppOptions, type CommandContext, connect } from '../../command-context.ts';
import { describeCertificate, describeTarget, problemsOf, shown } from './show.ts';
import { listAll } from '../../server/list-all.ts';
import { formatTable } from '../../terminal/output.ts';

interface ListOptions extends AppOptions {
  all?: true;
}

const HEADING = ['NAME', 'STATE', 'SERVES', 'CERTIFICATE', 'PROBLEM'];

export function listDomains(ctx: CommandContext): Command {
  return newCommand('list', 'list the domains of an app, or of all of them')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--all', 'those of all apps, as in a folder of no app')
    .action(async (options: ListOptions) => {
      if (options.all && options.app !== undefined) throw twice(options.app);
      const client = await connect(ctx);
      const appName = options.app ?? (await ctx.repository.readRemote())?.appName;
      if (options.all || appName === undefined) {
        const items = await listAll(client, 'listAllDomains', {});
        if (options.json) return ctx.output.json({ items });
        if (items.length === 0) ctx.output.line(`No app has a domain. ${addHint('NAME')}`);
        else
          print(
            ctx,
            ['APP', ...HEADING],
            items.map((item) => [item.app, ...rowOf(item)]),
          );
        return;
      }
      const items = await listAll(client, 'listDomains', { params: { app: appName } });
      if (options.json) return ctx.output.json({ items });
      if (items.length === 0) ctx.output.line(`${appName} has no domains. ${addHint(options.app)}`);
      else print(ctx, HEADING, items.map(rowOf));
    });
}

function addHint(appName: string | undefined): string {
  const option = appName === undefined ? '' : ` --app ${appName}`;
  return `Add one: fn domains add www.example.com${option}`;
}

function rowOf(domain: Domain): string[] {
  return [
    domain.name,
    domain.state,
    describeTarget(domain),
    describeCertificate(domain),
    shown(problemsOf(domain).join('; ')),
  ];
}

function print(ctx: CommandContext, heading: string[], rows: string[][]): void {
  for (const line of formatTable(heading, rows)) ctx.output.line(line);
}

function twice(appName: string): PlatformError {
  return new PlatformError('bad-request', `--app ${appName} and --all both say which`, {
    hint: 'leave one of them out',
  });
}
