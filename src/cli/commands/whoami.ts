import type { Token, WhoAmI } from '../../protocol/control-client.generated.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import { type CommonOptions, connect } from '../command-context.ts';

type GrantView = Token['grants'][number];

export const whoami: CommandDefinition = (program, ctx) => {
  const command = newCommand('whoami', 'show the token in use');
  program.addCommand(command);
  command.action(async (options: CommonOptions) => {
    const client = await connect(ctx);
    const answer = await client.call('whoAmI');
    if (options.json) return ctx.output.json({ ...answer, server: client.server });
    for (const line of describeToken(answer)) ctx.output.line(line);
    ctx.output.line(`server  ${client.server}`);
  });
};

const ALLOWS = {
  viewer: 'look at apps, releases and logs',
  deployer: 'push, deploy and roll back as well',
  admin: 'do everything, tokens included',
} as const satisfies Record<GrantView['role'], string>;

/** Who a token is and what it may do. */
export function describeToken(token: WhoAmI): string[] {
  const { name, tokenId, kind, expiresAt } = token;
  return [
    `token   ${name} (${tokenId})${kind === 'personal' ? '' : `, ${KINDS[kind]}`}`,
    ...describeScope(token),
    ...(expiresAt === null ? [] : [`ends    ${expiresAt}`]),
  ];
}

const KINDS = { ci: 'for CI', service: 'of a function' } as const;

function describeScope({ role, apps, grants, can }: WhoAmI): string[] {
  const names = apps === null ? 'all' : apps.join(', ') || 'none: they were deleted';
  if (can !== null) return [`may     ${can.join(', ')}`, `apps    ${names}`];
  if (role !== null) return [`role    ${role}: may ${ALLOWS[role]}`, `apps    ${names}`];
  return grants.map((one) => `role    ${one.role} of ${one.app ?? 'all apps and the platform'}`);
}
