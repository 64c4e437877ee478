import { type Command, InvalidArgumentError } from 'commander';
import type { Page } from '../protocol/control-api.ts';
import type {
  AccessRequest,
  AccessView,
  CreatedShareLink,
  ShareLinkRequest,
  ShareLinkView,
} from '../protocol/private-api.ts';
import type { AccessLevel } from '../protocol/snapshot.ts';
import { type CommandDefinition, newCommand, newGroup } from './command.ts';
import {
  type AppOptions,
  appPath,
  chooseApp,
  type CommandContext,
  connect,
} from './command-context.ts';
import { formatAge, formatTable } from './output.ts';

const APP = ['--app <name>', 'the app, when not that of this repository'] as const;
const MAX_LIFETIME_S = 365 * 86_400;
const UNIT_SECONDS: Record<string, number> = { m: 60, h: 3600, d: 86_400 };

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
      const path = `${appPath(await chooseApp(ctx, options))}/access`;
      print(ctx, options, await client.call<AccessView>({ method: 'GET', path }));
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
      const path = `${appPath(await chooseApp(ctx, options))}/access`;
      const isAll = options.production === options.previews;
      const body: AccessRequest = {
        ...((isAll || options.production) && { production: level }),
        ...((isAll || options.previews) && { previews: level }),
      };
      print(ctx, options, await client.call<AccessView>({ method: 'PUT', path, body }));
    });
}

function print(ctx: CommandContext, { json }: AppOptions, view: AccessView): void {
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
    .option('--expires <time>', 'when it ends, for example 12h or 30d (default: 7d)', readDuration)
    .action(async (options: ShareOptions) => {
      const client = await connect(ctx);
      const { branch, commit, expires: expiresInSeconds } = options;
      const body: ShareLinkRequest = {
        ...(branch !== undefined && { branch }),
        ...(commit !== undefined && { commit }),
        ...(expiresInSeconds !== undefined && { expiresInSeconds }),
      };
      const path = await linksPath(ctx, options);
      const link = await client.call<CreatedShareLink>({ method: 'POST', path, body });
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
      const path = await linksPath(ctx, options);
      const page = await client.call<Page<ShareLinkView>>({ method: 'GET', path });
      if (options.json) return ctx.output.json(page);
      if (page.items.length === 0) {
        ctx.output.line('There are no share links. To make one: fn access share');
        return;
      }
      const rows = page.items.map((link) => [
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
      const path = `${await linksPath(ctx, options)}/${encodeURIComponent(id)}`;
      await client.call<null>({ method: 'DELETE', path });
      if (options.json) return ctx.output.json({ id });
      ctx.output.line(`Removed ${id}: it opens nothing any more.`);
    });
}

async function linksPath(ctx: CommandContext, options: AppOptions): Promise<string> {
  return `${appPath(await chooseApp(ctx, options))}/share-links`;
}

function readDuration(text: string): number {
  const [, amount, unit] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  const seconds = Number(amount) * (UNIT_SECONDS[unit ?? ''] ?? NaN);
  if (seconds > 0 && seconds <= MAX_LIFETIME_S) return seconds;
  throw new InvalidArgumentError('It is a number of m, h or d up to a year, such as 12h or 30d.');
}
