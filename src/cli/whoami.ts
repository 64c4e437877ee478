import type { WhoAmI } from '../protocol/control-api.ts';
import { newCommand } from './command.ts';
import type { CommandDefinition } from './command.ts';
import { type CommonOptions, connect } from './command-context.ts';

export const whoami: CommandDefinition = (program, ctx) => {
  const command = newCommand('whoami', 'show the token in use');
  program.addCommand(command);
  command.action(async (options: CommonOptions) => {
    const client = await connect(ctx);
    const answer = await client.call<WhoAmI>({ method: 'GET', path: '/whoami' });
    if (options.json) return ctx.output.json({ ...answer, server: client.server });
    ctx.output.line(`token   ${answer.name} (${answer.tokenId})`);
    ctx.output.line(`role    ${answer.role}`);
    ctx.output.line(`apps    ${answer.apps === null ? 'all' : answer.apps.join(', ')}`);
    ctx.output.line(`server  ${client.server}`);
  });
};
