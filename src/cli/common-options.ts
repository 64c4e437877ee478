import { type Command, Option } from 'commander';
import type { FunctionDetail } from '../protocol/control-client.generated.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { CommandContext } from './command-context.ts';
import { connect } from './command-context.ts';
import { findApp } from './server/find-app.ts';
import { DAY_S, durationUpTo } from './terminal/duration.ts';
import { normalServerUrl } from './server/server-url.ts';

/** They ask no server, or have a word of their own for it. */
const WITHOUT_SERVER = new Set(['completion', 'complete', 'login', 'logout']);
/** They may take longer than somebody wants to wait. */
const WITH_TIMEOUT = new Set(['deploy', 'rollback', 'redeploy', 'promote', 'attach', 'verify']);
/** They are about functions: with `--function`, those of the app here come first. */
const OF_FUNCTIONS = new Set(['logs', 'metrics', 'invoke']);

/** As the server makes them; an app may have a name that begins so, too. */
const FUNCTION_ID = /^fn-[a-z2-7]{20}$/;

/** Gives all commands below this one the options that they have alike, unless they have their own. */
export function addCommonOptions(program: Command): void {
  for (const command of program.commands) {
    addCommonOptions(command);
    if (command.commands.length > 0) continue;
    if (!WITHOUT_SERVER.has(command.name())) {
      add(command, new Option('--server <url>', 'the platform, when not that of this repository'));
    }
    if (hasOption(command, '--app')) {
      // Everywhere, and shown where people look for it.
      const option = new Option('--function <name>', 'the same as --app; APP:FUNCTION, too');
      add(command, ['deploy', 'rollback'].includes(command.name()) ? option : option.hideHelp());
    }
    if (WITH_TIMEOUT.has(command.name())) {
      const what = 'wait no longer than this, such as 30s or 5m; what was begun goes on';
      add(command, new Option('--timeout <time>', what).argParser(durationUpTo(DAY_S)));
    }
  }
}

function add(command: Command, option: Option): void {
  if (!hasOption(command, option.long ?? '')) command.addOption(option);
}

function hasOption(command: Command, long: string): boolean {
  return command.options.some((option) => option.long === long);
}

interface Given {
  app?: string;
  server?: string;
  function?: string;
}

/** What they say, before the command runs. @throws PlatformError bad-request */
export async function applyCommonOptions(ctx: CommandContext, command: Command): Promise<void> {
  const { app, server, function: named }: Given = command.opts();
  if (server !== undefined && !WITHOUT_SERVER.has(command.name())) chooseServer(ctx, server);
  if (named === undefined || !hasOption(command, '--app')) return;
  const [appName = '', functionName] = named.split(':', 2);
  if (functionName !== undefined && app !== undefined) throw twice(app, named);
  if (OF_FUNCTIONS.has(command.name())) {
    const chosen =
      functionName === undefined ? await findMeant(ctx, { app, named }) : { appName, functionName };
    command.setOptionValue('app', chosen.appName).setOptionValue('function', chosen.functionName);
    return;
  }
  if (app !== undefined) throw twice(app, named);
  command.setOptionValue('app', appName);
}

/** A token in FN_TOKEN is for FN_SERVER; another server must not get to see it. */
function chooseServer({ environment }: CommandContext, url: string): void {
  const server = normalServerUrl(url);
  const isOther = environment.server !== null && normalServerUrl(environment.server) !== server;
  if (isOther) environment.token = null;
  environment.server = server;
}

/** A function by its id, or of the app that is named, or that this repository is; else the app of that name. */
async function findMeant(
  ctx: CommandContext,
  { app, named }: { app: string | undefined; named: string },
): Promise<{ appName: string; functionName: string | undefined }> {
  if (app !== undefined) return { appName: app, functionName: named };
  const byId = FUNCTION_ID.test(named) ? await findFunction(ctx, named) : null;
  if (byId !== null) return { appName: byId.app, functionName: byId.function };
  const here = (await ctx.repository.readRemote())?.appName;
  if (here === undefined) return { appName: named, functionName: undefined };
  const isOurs = (await findFunction(ctx, `${here}:${named}`)) !== null;
  const isApp = !isOurs && (named === here || (await findApp(await connect(ctx), named)) !== null);
  return isApp
    ? { appName: named, functionName: undefined }
    : { appName: here, functionName: named };
}

/** Null for one that there is not. */
async function findFunction(ctx: CommandContext, name: string): Promise<FunctionDetail | null> {
  const client = await connect(ctx);
  try {
    return await client.call('getFunction', { params: { function: name } });
  } catch (error) {
    const isUnknown =
      error instanceof PlatformError && ['not-found', 'bad-request'].includes(error.code);
    if (isUnknown) return null;
    throw error;
  }
}

function twice(app: string, named: string): PlatformError {
  return new PlatformError('bad-request', `--app ${app} and --function ${named} both say which`, {
    hint: 'leave one of them out',
  });
}
