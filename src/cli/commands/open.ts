import { openBrowser } from '../browser.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import type { ControlClient } from '../server/control-client.ts';
import { type AppOptions, chooseApp, connect } from '../command-context.ts';

export const open: CommandDefinition = (program, ctx) => {
  const command = newCommand('open', 'open an app in the browser')
    .argument('[target]', 'a branch, tag, version or commit; without it, production')
    .option('--app <name>', 'the app, when not that of this repository');
  program.addCommand(command);
  command.action(async (target: string | undefined, options: AppOptions) => {
    const client = await connect(ctx);
    const app = await chooseApp(ctx, options);
    const { url } =
      target === undefined
        ? await client.call('getApp', { params: { app } })
        : await readDeployment(client, { app, deployment: target });
    if (options.json) return ctx.output.json({ url });
    ctx.output.line(url);
    if (ctx.environment.hasDisplay) openBrowser(url);
  });
};

/** What is not served any more is served by its commit's URL, as long as that lives. */
async function readDeployment(
  client: ControlClient,
  params: { app: string; deployment: string },
): Promise<{ url: string }> {
  const { isCurrent, url, commitUrl } = await client.call('getDeployment', { params });
  return { url: isCurrent ? url : commitUrl };
}
