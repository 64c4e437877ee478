import type { Command } from 'commander';
import type { Access } from '../../protocol/control-client.generated.ts';
import type { AccessLevel } from '../../protocol/snapshot.ts';
import { type CommandDefinition, newCommand, newGroup } from '../command.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from '../command-context.ts';
import { DAY_S, durationUpTo } from '../terminal/duration.ts';
import { listAll } from '../server/list-all.ts';
import { formatAge, formatTable } from '../terminal/output.ts';

const APP = ['--app <name>', 'the app, when not that of this repository'] as const;

export const access: CommandDefinition = (program, ctx) => {
  const command = newGroup('access', 'say who may see an app');
  command.addCommand(show(ctx), { isDefault: true });
  command.addCommand(change(ctx, 'public', 'have everybody see the app'));
  command.addCommand(change(ctx, 'private', 'have only those see the app who have a share link'));
  command.addCommand(share(ctx));
  command.addCommand(list(ctx));
  command.addCommand(remove(ctx));
  program.addCommand(command);
};

function show(ctx: CommandContext): Command {
  return newCommand('show', 'tell who may see the app')
    .option(...APP)
    .action(async (options: AppOptions) => {
      const client = await connect(ctx);
      print(ctx, options, await client.call('getAccess', await paramsOf(ctx, options)));
    });
}

interface ChangeOptions extends AppOptions {
  production?: true;
  previews?: true;
}

function change(ctx: CommandContext, level: AccessLevel, doing: string): Command {
  return newCommand(level, doing)
    .option(...APP)
    .option('--production', 'production alone')
    .option('--previews', 'branches, tags and commits alone')
    .action(async (options: ChangeOptions) => {
      const client = await connect(ctx);
      const isAll = options.production === options.previews;
      const body = {
        ...((isAll || options.production) && { production: level }),
        ...((isAll || options.previews) && { previews: level }),
      };
      const input = { ...(await paramsOf(ctx, options)), body };
      print(ctx, options, await client.call('setAccess', input));
    });
}

function print(ctx: CommandContext, { json }: AppOptions, view: Access): void {
  if (json) return ctx.output.json(view);
  const byDefault = view.isPreviewDefault ? ' (as the server has it by default)' : '';
  ctx.output.line(`production  ${view.production}`);
  ctx.output.line(`previews    ${view.previews}${byDefault}`);
}

interface ShareOptions extends AppOptions {
  branch?: string;
  commit?: string;
  production?: true;
  expires?: number;
}

function share(ctx: CommandContext): Command {
  return newCommand('share', 'make a link that opens what is private')
    .option(...APP)
    .option('--production', 'production, which it is without another option')
    .option('--branch <branch>', 'this branch or tag')
    .option('--commit <sha>', 'this commit')
    .option(
      '--expires <time>',
      'when it ends, for example 12h or 30d (default: 7d)',
      durationUpTo(365 * DAY_S),
    )
    .action(async (options: ShareOptions) => {
      const client = await connect(ctx);
      const { branch, commit, expires: expiresInSeconds } = options;
      const body = {
        ...(branch !== undefined && { branch }),
        ...(commit !== undefined && { commit }),
        ...(expiresInSeconds !== undefined && { expiresInSeconds }),
      };
      const input = { ...(await paramsOf(ctx, options)), body };
      const link = await client.call('createShareLink', input);
      if (options.json) return ctx.output.json(link);
      ctx.output.line(link.url);
      const until = link.expiresAt.slice(0, 16).replace('T', ' ');
      ctx.output.line(`It is shown this once, and works until ${until} UTC. Id ${link.id}.`);
    });
}

function list(ctx: CommandContext): Command {
  return newCommand('list', 'list the share links of the app')
    .option(...APP)
    .action(async (options: AppOptions) => {
      const client = await connect(ctx);
      const items = await listAll(client, 'listShareLinks', await paramsOf(ctx, options));
      if (options.json) return ctx.output.json({ items });
      if (items.length === 0) {
        ctx.output.line('There are no share links. To make one: fn access share');
        return;
      }
      const rows = items.map((link) => [
        link.id,
        link.opens.replace(/^refs\/(heads|tags)\//, ''),
        link.createdBy ?? '-',
        formatAge(link.createdAt, ctx.now()),
        link.expiresAt.slice(0, 10),
      ]);
      const heading = ['ID', 'OPENS', 'MADE BY', 'WHEN', 'UNTIL'];
      for (const line of formatTable(heading, rows)) ctx.output.line(line);
    });
}

function remove(ctx: CommandContext): Command {
  return newCommand('remove', 'remove a share link: it opens nothing any more')
    .argument('<id>', 'as fn access list shows it')
    .option(...APP)
    .action(async (id: string, options: AppOptions) => {
      const client = await connect(ctx);
      const { params } = await paramsOf(ctx, options);
      await client.call('removeShareLink', { params: { ...params, id } });
      if (options.json) return ctx.output.json({ id });
      ctx.output.line(`Removed ${id}: it opens nothing any more.`);
    });
}

async function paramsOf(
  ctx: CommandContext,
  options: AppOptions,
): Promise<{ params: { app: string } }> {
  return { params: { app: await chooseApp(ctx, options) } };
}
