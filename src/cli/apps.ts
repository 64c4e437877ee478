import type { AppView, Page } from '../protocol/control-api.ts';
import { type CommandDefinition, newCommand } from './command.ts';
import { type CommonOptions, connect } from './command-context.ts';
import { formatCommit, formatTable, formatVersion } from './output.ts';

export const apps: CommandDefinition = (program, ctx) => {
  const command = newCommand('apps', 'list the apps that the token may see');
  program.addCommand(command);
  command.action(async (options: CommonOptions) => {
    const client = await connect(ctx);
    const page = await client.call<Page<AppView>>({ method: 'GET', path: '/apps' });
    if (options.json) return ctx.output.json(page);
    if (page.items.length === 0) {
      ctx.output.line('No apps yet: push to a new name, and it is there.');
      return;
    }
    const rows = page.items.map((app) => [
      app.name,
      formatVersion(app.version),
      formatCommit(app.commit),
      app.url,
    ]);
    for (const line of formatTable(['APP', 'VERSION', 'COMMIT', 'URL'], rows))
      ctx.output.line(line);
  });
};
