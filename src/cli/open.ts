import { spawn } from 'node:child_process';
import type { AppView, DeploymentDetail } from '../protocol/control-api.ts';
import { type CommandDefinition, newCommand } from './command.ts';
import type { ControlClient } from './control-client.ts';
import { type AppOptions, appPath, chooseApp, connect } from './command-context.ts';

export const open: CommandDefinition = (program, ctx) => {
  const command = newCommand('open', 'open an app in the browser')
    .argument('[target]', 'a branch, tag, version or commit; without it, production')
    .option('--app <name>', 'the app, when not that of this repository');
  program.addCommand(command);
  command.action(async (target: string | undefined, options: AppOptions) => {
    const client = await connect(ctx);
    const path = appPath(await chooseApp(ctx, options));
    const { url } =
      target === undefined
        ? await client.call<AppView>({ method: 'GET', path })
        : await readDeployment(client, `${path}/deployments/${encodeURIComponent(target)}`);
    if (options.json) return ctx.output.json({ url });
    ctx.output.line(url);
    if (ctx.environment.hasDisplay) openBrowser(url);
  });
};

/** What is not served any more is served by its commit's URL, as long as that lives. */
async function readDeployment(client: ControlClient, path: string): Promise<{ url: string }> {
  const { isCurrent, url, commitUrl } = await client.call<DeploymentDetail>({
    method: 'GET',
    path,
  });
  return { url: isCurrent ? url : commitUrl };
}

/** The URL is printed already: a machine without an opener has lost nothing. */
function openBrowser(url: string): void {
  const browser = spawn('xdg-open', [url], { stdio: 'ignore', detached: true });
  browser.on('error', () => {});
  browser.unref();
}
