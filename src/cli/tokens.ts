import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CreatedToken, CreateTokenRequest, Page, TokenView } from '../protocol/control-api.ts';
import { type CommandDefinition, newCommand, newGroup } from './command.ts';
import { type CommandContext, type CommonOptions, connect } from './command-context.ts';
import { confirm } from './confirm.ts';
import { formatAge, formatTable } from './output.ts';

const UNIT_SECONDS: Record<string, number> = { m: 60, h: 3600, d: 86_400 };

export const tokens: CommandDefinition = (program, ctx) => {
  const command = newGroup('tokens', 'manage access tokens');
  command.addCommand(createToken(ctx));
  command.addCommand(listTokens(ctx), { isDefault: true });
  command.addCommand(revokeToken(ctx));
  program.addCommand(command);
};

interface CreateOptions extends CommonOptions {
  role: CreateTokenRequest['role'];
  app?: string[];
  expires?: number;
}

function createToken(ctx: CommandContext): Command {
  const role = new Option('--role <role>', 'what it may do; each role includes those before it')
    .choices(['read', 'deploy', 'admin'])
    .default('deploy');
  return newCommand('create', 'create a token')
    .argument('<name>', 'who or what uses it')
    .addOption(role)
    .option('--app <names...>', 'the apps that it is limited to')
    .option('--expires <time>', 'when it ends, for example 12h or 90d', readDuration)
    .action(async (name: string, options: CreateOptions) => {
      const body: CreateTokenRequest = { name, role: options.role };
      if (options.app !== undefined) body.apps = options.app;
      if (options.expires !== undefined) body.expiresInSeconds = options.expires;
      const client = await connect(ctx);
      const created = await client.call<CreatedToken>({ method: 'POST', path: '/tokens', body });
      if (options.json) return ctx.output.json(created);
      ctx.output.line(created.token);
      ctx.output.line(`It is shown this once. Id ${created.id}, role ${created.role}.`);
    });
}

function listTokens(ctx: CommandContext): Command {
  return newCommand('list', 'list tokens').action(async (options: CommonOptions) => {
    const client = await connect(ctx);
    const page = await client.call<Page<TokenView>>({ method: 'GET', path: '/tokens' });
    if (options.json) return ctx.output.json(page);
    const rows = page.items.map((token) => [
      token.id,
      token.name,
      token.role,
      token.apps === null ? 'all' : token.apps.join(','),
      `${token.prefix}…`,
      formatAge(token.lastUsedAt, ctx.now()),
      stateOf(token, ctx.now()),
    ]);
    const heading = ['ID', 'NAME', 'ROLE', 'APPS', 'TOKEN', 'LAST USED', 'STATE'];
    for (const line of formatTable(heading, rows)) ctx.output.line(line);
  });
}

function revokeToken(ctx: CommandContext): Command {
  return newCommand('revoke', 'revoke a token')
    .argument('<id>', 'as fn tokens list shows it')
    .action(async (id: string, options: CommonOptions) => {
      const client = await connect(ctx);
      await confirm(ctx, options, `Revoke ${id}? What uses it stops working`);
      const path = `/tokens/${encodeURIComponent(id)}`;
      await client.call<undefined>({ method: 'DELETE', path });
      if (options.json) return ctx.output.json({ id, isRevoked: true });
      ctx.output.line(`${id} is revoked.`);
    });
}

function stateOf({ revokedAt, expiresAt }: TokenView, nowMs: number): string {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt === null) return 'valid';
  return Date.parse(expiresAt) <= nowMs ? 'expired' : `valid until ${expiresAt.slice(0, 10)}`;
}

function readDuration(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) {
    throw new InvalidArgumentError('It is a number and m, h or d, as in 90d.');
  }
  return Number(count) * (UNIT_SECONDS[unit] ?? 0);
}
