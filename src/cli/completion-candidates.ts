import type { Command, Option } from 'commander';
import { chooseApp, type CommandContext, connect } from './command-context.ts';
import { runGit } from './git/git.ts';
import { LOCAL_COMMANDS } from './commands/local-commands.ts';
import { formatVersion } from './terminal/output.ts';

/** Nobody waits for a server at the press of a key. */
const IN_TIME = { timeoutMs: 1_000 };
/** One page: nobody reads more. */
const MAX_NAMES = 200;

/** Arguments and options whose values can be looked up, by their names in the commands. */
const VALUES: Record<string, (ctx: CommandContext, app: string | undefined) => Promise<string[]>> =
  {
    app: listApps,
    function: listFunctions,
    server: async (ctx) => ctx.credentials.listServers(),
    url: async (ctx) => ctx.credentials.listServers(),
    branch: listBranches,
    push: listBranches,
    domain: listDomains,
    certificate: listUploads,
    redirectTo: listDomains,
    target: async (ctx, app) => [...(await listVersions(ctx, app)), ...(await listBranches(ctx))],
  };

/** What may stand in the place of the last word, by what the commands themselves declare. */
export async function findCandidates(
  program: Command,
  ctx: CommandContext,
  words: string[],
): Promise<string[]> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const command = findCommand(program, before);
  const candidates = await listCandidates({ command, before, current }, ctx);
  return [...new Set(candidates)].filter((candidate) => candidate.startsWith(current));
}

interface Place {
  command: Command;
  before: string[];
  current: string;
}

async function listCandidates(place: Place, ctx: CommandContext): Promise<string[]> {
  const { command, before, current } = place;
  const app = valueOf(before, '--app');
  const pending = optionOf(command, before.at(-1));
  if (pending?.required === true || pending?.optional === true) {
    return pending.argChoices ?? lookUp(pending.attributeName(), ctx, app);
  }
  if (current.startsWith('-'))
    return command.options.flatMap(({ long, hidden }) => (long && !hidden ? [long] : []));
  if (command.commands.length > 0) {
    const names = command
      .createHelp()
      .visibleCommands(command)
      .map((one) => one.name());
    return command.parent === null ? [...names, ...LOCAL_COMMANDS.map(([name]) => name)] : names;
  }
  const [argument] = command.registeredArguments;
  if (argument === undefined) return [];
  return argument.argChoices ?? lookUp(argument.name(), ctx, app);
}

function findCommand(program: Command, words: string[]): Command {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word);
    if (next !== undefined) command = next;
  }
  return command;
}

function optionOf(command: Command, word: string | undefined): Option | undefined {
  return command.options.find(({ short, long }) => word === short || word === long);
}

function valueOf(words: string[], option: string): string | undefined {
  const at = words.indexOf(option);
  return at === -1 ? undefined : words[at + 1];
}

/** A name that cannot be looked up now is simply not completed. */
async function lookUp(
  name: string,
  ctx: CommandContext,
  app: string | undefined,
): Promise<string[]> {
  return (await VALUES[name]?.(ctx, app).catch(() => [])) ?? [];
}

async function listApps(ctx: CommandContext): Promise<string[]> {
  const client = await connect(ctx);
  const { items } = await client.call('listApps', { query: { limit: MAX_NAMES } }, IN_TIME);
  return items.map(({ name }) => name);
}

/** As `--function` takes them: apps, those of the app that is meant by their own names, and `app:function` of others. */
async function listFunctions(ctx: CommandContext, app: string | undefined): Promise<string[]> {
  const client = await connect(ctx);
  const here = app ?? (await ctx.repository.readRemote())?.appName;
  const query = { limit: MAX_NAMES, ...(app !== undefined && { app }) };
  const { items } = await client.call('listFunctions', { query }, IN_TIME);
  return items.flatMap((one) => {
    if (one.app === here) return app === undefined ? [one.function, one.app] : [one.function];
    return one.name === one.app ? [one.app] : [one.app, `${one.app}:${one.function}`];
  });
}

async function listVersions(ctx: CommandContext, app: string | undefined): Promise<string[]> {
  const client = await connect(ctx);
  const params = { app: await chooseApp(ctx, app === undefined ? {} : { app }) };
  const page = await client.call('listDeployments', { params }, IN_TIME).catch(() => null);
  return (page?.items ?? []).map(({ version }) => formatVersion(version));
}

async function listDomains(ctx: CommandContext, app: string | undefined): Promise<string[]> {
  const client = await connect(ctx);
  const params = { app: await chooseApp(ctx, app === undefined ? {} : { app }) };
  const { items } = await client.call(
    'listDomains',
    { params, query: { limit: MAX_NAMES } },
    IN_TIME,
  );
  return items.map(({ name }) => name);
}

/** Those that can be removed. */
async function listUploads(ctx: CommandContext): Promise<string[]> {
  const client = await connect(ctx);
  const { items } = await client.call('listCertificates', { query: { limit: MAX_NAMES } }, IN_TIME);
  return items.flatMap(({ id, source }) => (id !== null && source === 'upload' ? [id] : []));
}

async function listBranches(ctx: CommandContext): Promise<string[]> {
  const args = ['for-each-ref', '--format=%(refname:short)', 'refs/heads', 'refs/tags'];
  const { stdout } = await runGit(args, { folder: ctx.cwd });
  return stdout.split('\n').filter((name) => name !== '');
}
