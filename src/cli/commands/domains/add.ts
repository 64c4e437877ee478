import type { Command } from 'commander';
import type { Operations } from '../../../protocol/control-client.generated.ts';
import { shellWord } from '../../../std/shell-word.ts';
import { newCommand } from '../../command.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from '../../command-context.ts';
import { showDomain } from './show.ts';

interface AddOptions extends AppOptions {
  branch?: string;
  redirectTo?: string;
}

export function addDomain(ctx: CommandContext): Command {
  return newCommand('add', 'add a domain, or change what one leads to')
    .argument('<name>', 'such as www.example.com, or "*.example.com" for all names one level below')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--branch <branch>', 'serve this branch or tag instead of production')
    .option('--redirect-to <domain>', 'send visitors to another domain of the app')
    .action(async (name: string, options: AddOptions) => {
      const client = await connect(ctx);
      const params = { app: await chooseApp(ctx, options) };
      const body: Operations['addDomain']['input']['body'] = { name };
      if (options.branch !== undefined) body.branch = options.branch;
      if (options.redirectTo !== undefined) body.redirectTo = options.redirectTo;
      const domain = await client.call('addDomain', { params, body });
      if (options.json) return ctx.output.json(domain);
      showDomain(ctx, domain);
      if (domain.state === 'verified') return;
      ctx.output.line('');
      ctx.output.line(`Then: fn domains verify ${shellWord(domain.name)} --wait`);
    });
}
