import { type CommandDefinition, newCommand } from '../command.ts';
import { type AppOptions, chooseApp, connect } from '../command-context.ts';
import { formatCommit, formatVersion, STARTING, STARTING_MS } from '../terminal/output.ts';

export const redeploy: CommandDefinition = (program, ctx) => {
  const command = newCommand('redeploy', 'deploy a bundle again')
    .argument('[target]', 'a version, branch or tag; without it, what production serves')
    .option('--app <name>', 'the app, when not that of this repository')
    .addHelpText(
      'after',
      '\nNothing is built: the same code gets fresh workers and the environment of now.',
    );
  program.addCommand(command);
  command.action(async (target: string | undefined, options: AppOptions) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    const body = target === undefined ? {} : { target };
    ctx.output.waitFor(...STARTING);
    const result = await client.call(
      'redeploy',
      { params: { app: appName }, body },
      { timeoutMs: STARTING_MS },
    );
    if (options.json) return ctx.output.json(result);
    const { deployment, environmentVersion, elapsedMs } = result;
    const version = formatVersion(deployment.version);
    const commit = `${formatCommit(deployment.commit)} ${deployment.subject}`;
    ctx.output.line(`-----> ${appName} serves ${commit} on fresh workers, as ${version}`);
    ctx.output.line(`       URL          ${deployment.url}`);
    ctx.output.line(`       Environment  version ${environmentVersion}`);
    ctx.output.line(`       Took         ${Math.round(elapsedMs)} ms`);
  });
};
