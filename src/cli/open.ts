import { spawn } from 'node:child_process';
import type { AppView } from '../protocol/control-api.ts';
import { type CommandDefinition, newCommand } from './command.ts';
import { type AppOptions, appPath, chooseApp, connect } from './command-context.ts';

export const open: CommandDefinition = (program, ctx) => {
  const command = newCommand('open', 'open an app in the browser').option(
    '--app <name>',
    'the app, when not that of this repository',
  );
  program.addCommand(command);
  command.action(async (options: AppOptions) => {
    const client = await connect(ctx);
    const path = appPath(await chooseApp(ctx, options));
    const { url } = await client.call<AppView>({ method: 'GET', path });
    if (options.json) return ctx.output.json({ url });
    ctx.output.line(url);
    if (ctx.environment.hasDisplay) openBrowser(url);
  });
};

/** The URL is printed already: a machine without an opener has lost nothing. */
function openBrowser(url: string): void {
  const browser = spawn('xdg-open', [url], { stdio: 'ignore', detached: true });
  browser.on('error', () => {});
  browser.unref();
}
