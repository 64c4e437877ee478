import { type CommandDefinition, newCommand } from '../command.ts';
import { type AppOptions, chooseApp, connect } from '../command-context.ts';
import { formatCommit, formatVersion, STARTING, STARTING_MS } from '../terminal/output.ts';

export const promote: CommandDefinition = (program, ctx) => {
  const command = newCommand('promote', 'make a preview production')
    .argument('<target>', 'its branch, tag, version or commit')
    .option('--app <name>', 'the app, when not that of this repository')
    .addHelpText(
      'after',
      '\nNothing is built: what the preview serves goes to production, with the environment of\n' +
        'production. The release command runs, and no branch moves.',
    );
  program.addCommand(command);
  command.action(async (target: string, options: AppOptions) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    ctx.output.waitFor(...STARTING);
    const result = await client.call(
      'promote',
      { params: { app: appName }, body: { target } },
      { timeoutMs: STARTING_MS },
    );
    if (options.json) return ctx.output.json(result);
    const { deployment, environmentVersion, elapsedMs, lines } = result;
    const version = formatVersion(deployment.version);
    const commit = `${formatCommit(deployment.commit)} ${deployment.subject}`;
    for (const line of lines) ctx.output.line(line);
    ctx.output.line(`-----> Production of ${appName} serves ${commit}, as ${version}`);
    ctx.output.line(`       URL          ${deployment.url}`);
    ctx.output.line(`       Environment  version ${environmentVersion}`);
    ctx.output.line(`       Took         ${Math.round(elapsedMs)} ms`);
    ctx.output.line('       No branch has moved: the next push to production releases as usual.');
  });
};
