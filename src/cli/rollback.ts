import type { RollbackRequest, RollbackResult } from '../protocol/control-api.ts';
import { type CommandDefinition, newCommand } from './command.ts';
import { type AppOptions, appPath, chooseApp, connect } from './command-context.ts';
import { formatCommit, formatVersion } from './output.ts';

interface RollbackOptions extends AppOptions {
  withEnv?: true;
}

export const rollback: CommandDefinition = (program, ctx) => {
  const command = newCommand('rollback', 'put an earlier version live again')
    .argument('[target]', 'a version (v3) or commit; without it, the version before this one')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--with-env', 'bring the environment of then back too; without it that of now holds');
  program.addCommand(command);
  command.action(async (target: string | undefined, options: RollbackOptions) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    const body: RollbackRequest = {
      ...(target !== undefined && { target }),
      ...(options.withEnv && { withEnvironment: true }),
    };
    const path = `${appPath(appName)}/rollback`;
    const result = await client.call<RollbackResult>({ method: 'POST', path, body });
    if (options.json) return ctx.output.json(result);
    const { deployment, environmentVersion, elapsedMs } = result;
    const version = formatVersion(deployment.version);
    const commit = `${formatCommit(deployment.commit)} ${deployment.subject}`;
    ctx.output.line(`-----> ${appName} serves ${commit} again, as ${version}`);
    ctx.output.line(`       URL          ${deployment.url}`);
    ctx.output.line(`       Environment  version ${environmentVersion}`);
    ctx.output.line(`       Took         ${Math.round(elapsedMs)} ms`);
    ctx.output.line('       The branch has not moved: the next push releases as usual.');
  });
};
