import type { Command } from 'commander';
import type { Token } from '../../../protocol/control-client.generated.ts';
import { newCommand } from '../../command.ts';
import { type CommandContext, type CommonOptions, connect } from '../../command-context.ts';
import { confirm } from '../../terminal/confirm.ts';
import { readLifetime, roleOption } from './options.ts';

interface ApproveOptions extends CommonOptions {
  role?: Token['grants'][number]['role'];
  app?: string[];
  name?: string;
  expires?: number;
}

/** Lets in a machine that waits in `fn login --device`. */
export function approveLogin(ctx: CommandContext): Command {
  return newCommand('approve', 'let a machine in that shows a code')
    .argument('<code>', 'as fn login --device shows it')
    .addOption(roleOption())
    .option('--app <names...>', 'the apps that it is limited to')
    .option('--name <name>', 'what the token is called (default: what the machine calls itself)')
    .option('--expires <time>', 'when it ends, for example 12h or 90d', readLifetime)
    .action(async (code: string, options: ApproveOptions) => {
      const client = await connect(ctx);
      const params = { code };
      const login = await client.call('getDeviceLogin', { params });
      const { role = 'deployer', app: apps, expires: expiresInSeconds } = options;
      const where = apps === undefined ? 'all apps' : apps.join(', ');
      const who = `${login.hostName} (${login.address})`;
      if (!options.json) ctx.output.aside(`-----> ${who} asks to be let in: ${login.userCode}`);
      await confirm(ctx, options, `Let it in as ${role} of ${where}?`);
      const body = {
        name: options.name ?? login.hostName,
        role,
        ...(apps && { apps }),
        ...(expiresInSeconds !== undefined && { expiresInSeconds }),
      };
      await client.call('approveDeviceLogin', { params, body });
      if (options.json) return ctx.output.json({ ...login, isApproved: true });
      ctx.output.line(`${who} is let in as ${role} of ${where}.`);
    });
}

/** Tells a machine that waits in `fn login --device` to go. */
export function denyLogin(ctx: CommandContext): Command {
  return newCommand('deny', 'let a machine not in that shows a code')
    .argument('<code>', 'as fn login --device shows it')
    .action(async (code: string, options: CommonOptions) => {
      const client = await connect(ctx);
      await client.call('denyDeviceLogin', { params: { code } });
      if (options.json) return ctx.output.json({ userCode: code, isApproved: false });
      ctx.output.line(`${code} is not let in.`);
    });
}
