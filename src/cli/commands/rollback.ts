import { InvalidArgumentError } from 'commander';
import { PlatformError } from '../../protocol/errors.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import { type AppOptions, chooseApp, connect } from '../command-context.ts';
import { formatCommit, formatVersion, STARTING, STARTING_MS } from '../terminal/output.ts';

interface RollbackOptions extends AppOptions {
  withEnv?: true;
  version?: number;
}

export const rollback: CommandDefinition = (program, ctx) => {
  const command = newCommand('rollback', 'put an earlier version live again')
    .argument('[target]', 'a version (v3) or commit; without it, the version before this one')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--version <number>', 'the same as the target vNUMBER', readVersion)
    .option('--with-env', 'bring the environment of then back too; without it that of now holds');
  program.addCommand(command);
  command.action(async (target: string | undefined, options: RollbackOptions) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    if (target !== undefined && options.version !== undefined) throw twice(target, options.version);
    const chosen = target ?? (options.version && `v${options.version}`);
    const body = {
      ...(chosen && { target: chosen }),
      ...(options.withEnv && { withEnvironment: true }),
    };
    ctx.output.waitFor(...STARTING);
    const result = await client.call(
      'rollback',
      { params: { app: appName }, body },
      { timeoutMs: STARTING_MS },
    );
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

const MAX_VERSION_DIGITS = 6;

function readVersion(text: string): number {
  const isVersion = /^v?[1-9]\d*$/.test(text) && text.length <= MAX_VERSION_DIGITS;
  if (isVersion) return Number(text.replace('v', ''));
  throw new InvalidArgumentError('It is a number that fn releases shows.');
}

function twice(target: string, version: number): PlatformError {
  return new PlatformError('bad-request', `${target} and --version ${version} both say where to`, {
    hint: 'leave one of them out',
  });
}
