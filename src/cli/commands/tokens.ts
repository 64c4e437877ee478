import { type Command, Option } from 'commander';
import type { Operations, Token } from '../../protocol/control-client.generated.ts';
import { type CommandDefinition, newCommand, newGroup } from '../command.ts';
import { type CommandContext, type CommonOptions, connect } from '../command-context.ts';
import { confirm } from '../terminal/confirm.ts';
import { listAll } from '../server/list-all.ts';
import { formatAge, formatTable } from '../terminal/output.ts';
import { readLifetime, roleOption } from './tokens/options.ts';
import { approveLogin, denyLogin } from './tokens/approve.ts';

type CreateTokenRequest = Operations['createToken']['input']['body'];

export const tokens: CommandDefinition = (program, ctx) => {
  const command = newGroup('tokens', 'manage access tokens');
  command.addCommand(createToken(ctx));
  command.addCommand(listTokens(ctx), { isDefault: true });
  command.addCommand(revokeToken(ctx));
  command.addCommand(approveLogin(ctx));
  command.addCommand(denyLogin(ctx));
  program.addCommand(command);
};

const KINDS = { personal: 'person', ci: 'ci', service: 'function' } as const;

interface CreateOptions extends CommonOptions {
  role?: Token['grants'][number]['role'];
  app?: string[];
  ci?: true;
  service?: true;
  can?: string[];
  expires?: number;
}

function createToken(ctx: CommandContext): Command {
  const ci = new Option('--ci', 'for a pipeline: pushes and deploys, and reads no values');
  const service = new Option('--service', 'for a function: may do what --can names').conflicts([
    'role',
    'ci',
  ]);
  return newCommand('create', 'create a token')
    .argument('<name>', 'who or what uses it')
    .addOption(roleOption())
    .option('--app <names...>', 'the apps that it is limited to')
    .addOption(ci)
    .addOption(service)
    .option('--can <actions...>', 'the actions of a service token, for example function.invoke')
    .option(
      '--expires <time>',
      'when it ends, for example 12h or 90d (default: never; with --ci 90d)',
      readLifetime,
    )
    .action(async (name: string, options: CreateOptions) => {
      const client = await connect(ctx);
      const body = toRequest(name, options);
      const created = await client.call('createToken', { body });
      if (options.json) return ctx.output.json(created);
      ctx.output.line(created.token);
      ctx.output.line(`It is shown this once. Id ${created.id}, ${describeRole(created)}.`);
    });
}

function toRequest(name: string, options: CreateOptions): CreateTokenRequest {
  const { role, app: apps, ci, service, can, expires: expiresInSeconds } = options;
  return {
    name,
    ...(ci && { kind: 'ci' }),
    ...(service ? { kind: 'service' } : { role: role ?? 'deployer' }),
    ...(apps && { apps }),
    ...(can && { can }),
    ...(expiresInSeconds !== undefined && { expiresInSeconds }),
  };
}

function describeRole({ kind, role, grants, can }: Token): string {
  if (can !== null) return `may ${can.join(', ')}`;
  const what = role ?? [...new Set(grants.map((grant) => grant.role))].join('/');
  return `role ${what || 'none'}${kind === 'ci' ? ', for CI' : ''}`;
}

function listTokens(ctx: CommandContext): Command {
  return newCommand('list', 'list tokens').action(async (options: CommonOptions) => {
    const client = await connect(ctx);
    const items = await listAll(client, 'listTokens', {});
    if (options.json) return ctx.output.json({ items });
    const rows = items.map((token) => [
      token.id,
      token.name,
      KINDS[token.kind],
      describeRole(token).replace(/^role |, for CI$/g, ''),
      token.apps === null ? 'all' : token.apps.join(','),
      `${token.prefix}…`,
      formatAge(token.lastUsedAt, ctx.now()),
      stateOf(token, ctx.now()),
    ]);
    const heading = ['ID', 'NAME', 'FOR', 'ROLE', 'APPS', 'TOKEN', 'LAST USED', 'STATE'];
    for (const line of formatTable(heading, rows)) ctx.output.line(line);
  });
}

function revokeToken(ctx: CommandContext): Command {
  return newCommand('revoke', 'revoke a token')
    .argument('<id>', 'as fn tokens list shows it')
    .option('--last-admin', 'also when nobody can make tokens any more then')
    .action(async (id: string, options: CommonOptions & { lastAdmin?: true }) => {
      const client = await connect(ctx);
      await confirm(ctx, options, `Revoke ${id}? What uses it stops working`);
      const query = options.lastAdmin ? { lastAdmin: true } : {};
      await client.call('revokeToken', { params: { id }, query });
      if (options.json) return ctx.output.json({ id, isRevoked: true });
      ctx.output.line(`${id} is revoked.`);
    });
}

function stateOf({ revokedAt, expiresAt }: Token, nowMs: number): string {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt === null) return 'valid';
  return Date.parse(expiresAt) <= nowMs ? 'expired' : `valid until ${expiresAt.slice(0, 10)}`;
}
