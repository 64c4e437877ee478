import type { WhoAmI } from '../protocol/control-api.ts';
import { type CommandDefinition, newCommand } from './command.ts';
import { type CommonOptions, connect } from './command-context.ts';

export const whoami: CommandDefinition = (program, ctx) => {
  const command = newCommand('whoami', 'show the token in use');
  program.addCommand(command);
  command.action(async (options: CommonOptions) => {
    const client = await connect(ctx);
    const answer = await client.call<WhoAmI>({ method: 'GET', path: '/whoami' });
    if (options.json) return ctx.output.json({ ...answer, server: client.server });
    for (const line of describeToken(answer)) ctx.output.line(line);
    ctx.output.line(`server  ${client.server}`);
  });
};

const ALLOWS = {
  read: 'look at apps, releases and logs',
  deploy: 'push, deploy and roll back as well',
  admin: 'do everything, tokens included',
} as const satisfies Record<WhoAmI['role'], string>;

/** Who a token is and what it may do. */
export function describeToken({ name, tokenId, role, apps }: WhoAmI): string[] {
  return [
    `token   ${name} (${tokenId})`,
    `role    ${role}: may ${ALLOWS[role]}`,
    `apps    ${apps === null ? 'all' : apps.join(', ')}`,
  ];
}
