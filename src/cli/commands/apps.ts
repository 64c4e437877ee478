import type { Command } from 'commander';
import type { App } from '../../protocol/control-client.generated.ts';
import { type CommandDefinition, newCommand, newGroup } from '../command.ts';
import { chooseApp, type CommandContext, type CommonOptions, connect } from '../command-context.ts';
import { confirm } from '../terminal/confirm.ts';
import { listAll } from '../server/list-all.ts';
import { formatCommit, formatTable, formatVersion } from '../terminal/output.ts';

export const apps: CommandDefinition = (program, ctx) => {
  const command = newGroup('apps', 'list, show and delete apps');
  command.addCommand(listApps(ctx), { isDefault: true });
  command.addCommand(showApp(ctx));
  command.addCommand(deleteApp(ctx));
  program.addCommand(command);
};

function listApps(ctx: CommandContext): Command {
  const command = newCommand('list', 'list the apps that the token may see');
  return command.action(async (options: CommonOptions) => {
    const client = await connect(ctx);
    const items = await listAll(client, 'listApps', {});
    if (options.json) return ctx.output.json({ items });
    if (items.length === 0) {
      ctx.output.line(
        'No apps yet. In a folder with an index.js or index.ts: fn init NAME, then fn deploy',
      );
      return;
    }
    const rows = items.map((app) => [
      app.name,
      formatVersion(app.version),
      formatCommit(app.commit),
      app.url,
    ]);
    for (const line of formatTable(['APP', 'VERSION', 'COMMIT', 'URL'], rows)) {
      ctx.output.line(line);
    }
  });
}

function showApp(ctx: CommandContext): Command {
  return newCommand('info', 'show one app')
    .argument('[app]', 'its name; without it, that of this repository')
    .action(async (name: string | undefined, options: CommonOptions) => {
      const client = await connect(ctx);
      const appName = name ?? (await chooseApp(ctx, {}));
      const app = await client.call('getApp', { params: { app: appName } });
      if (options.json) return ctx.output.json(app);
      ctx.output.line(`App         ${app.name}`);
      ctx.output.line(`URL         ${app.url}`);
      ctx.output.line(`Git         ${client.server}/${app.name}.git`);
      ctx.output.line(`Production  ${app.productionBranch ?? 'the first push of main decides'}`);
      ctx.output.line(`Live        ${describeLive(app)}`);
      ctx.output.line(`Created     ${app.createdAt}`);
    });
}

function deleteApp(ctx: CommandContext): Command {
  return newCommand('delete', 'delete an app with all that is its own')
    .argument('<app>', 'its name')
    .action(async (name: string, options: CommonOptions) => {
      const client = await connect(ctx);
      const question = `Delete ${name} with its repository, deployments, environment and logs?`;
      await confirm(ctx, options, question);
      await client.call('deleteApp', { params: { app: name } });
      if (options.json) return ctx.output.json({ app: name });
      ctx.output.line(`-----> ${name} is deleted: its URLs answer 404, and its name is free`);
    });
}

function describeLive({ version, commit }: App): string {
  if (version === null) return 'nothing yet; to deploy: git push fn main';
  return `${formatVersion(version)} (${formatCommit(commit)})`;
}
