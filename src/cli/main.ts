/**
 * The command line as a client of the control API. Each command is parse → call → print, in a file of its own; none
 * can do what another client could not. `server` and `doctor`, which work on this machine, are started by main/.
 */
import { Command, CommanderError } from 'commander';
import { PlatformError } from '../protocol/errors.ts';
import { access } from './commands/access.ts';
import { apps } from './commands/apps.ts';
import { audit } from './commands/audit.ts';
import { attach } from './commands/attach.ts';
import { cancel } from './commands/cancel.ts';
import { addCommonOptions, applyCommonOptions } from './common-options.ts';
import { certificates } from './commands/certificates.ts';
import { completion } from './commands/completion.ts';
import { createContext, type CommandContext } from './command-context.ts';
import { deploy } from './commands/deploy.ts';
import { domains } from './commands/domains.ts';
import { env } from './commands/env.ts';
import { readEnvironment } from './environment.ts';
import { describeFailure, formatFailure, wantsJson } from './failure.ts';
import { gitHosts } from './commands/git-hosts.ts';
import { init } from './commands/init.ts';
import { createInput, type Input } from './terminal/input.ts';
import type { Installation } from './installation.ts';
import { LOCAL_COMMANDS, localCommands } from './commands/local-commands.ts';
import { login, logout } from './commands/login.ts';
import { invoke } from './commands/invoke.ts';
import { inspect } from './commands/inspect.ts';
import { keys } from './commands/keys.ts';
import { logs } from './commands/logs.ts';
import { masterKey } from './commands/master-key.ts';
import { metrics } from './commands/metrics.ts';
import { open } from './commands/open.ts';
import type { Output } from './terminal/output.ts';
import { promote } from './commands/promote.ts';
import { redeploy } from './commands/redeploy.ts';
import { releases } from './commands/releases.ts';
import { rollback } from './commands/rollback.ts';
import { tokens } from './commands/tokens.ts';
import { createTerminalOutput } from './terminal/terminal-output.ts';
import { describeOldVersion, version } from './commands/version.ts';
import { whoami } from './commands/whoami.ts';

/** By what people look for in `fn help`. */
const GROUPS = {
  'Begin:': [login, logout, init, whoami],
  'Deploy:': [deploy, rollback, promote, redeploy, attach, cancel],
  'Look:': [open, invoke, logs, metrics, releases, inspect, apps],
  'Configure:': [env, domains, access, certificates, gitHosts],
  'Run a platform:': [tokens, keys, audit, masterKey],
  'Others:': [completion, version],
};

/** Runs one command; resolves with the exit code and never rejects for what a user can mend. */
export async function runCli(argv: string[], installation: Installation): Promise<number> {
  ignoreClosedPipe(process.stdout);
  const isJson = wantsJson(argv);
  const output = createTerminalOutput(process, { isQuiet: isJson || argv[0] === 'complete' });
  const ending = new AbortController();
  const ctx = openContext(installation, { output, signal: ending.signal });
  let running: Command | null = null;
  const program = buildProgram(ctx, installation).hook('preAction', async (_, command) => {
    running = command;
    const { timeout } = command.opts<{ timeout?: number }>(); // Seconds.
    if (timeout !== undefined) setTimeout(() => ending.abort(), timeout * 1_000).unref();
    output.watch();
    await applyCommonOptions(ctx, command);
  });
  try {
    await program.parseAsync(normalArguments(argv, program), { from: 'user' });
    return 0;
  } catch (error) {
    const failure = describeFailure(ending.signal.aborted ? gaveUp() : error, running);
    if (failure === null) return error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
    output.stop();
    process.stderr.write(formatFailure(failure, { isJson }));
    return failure.exit;
  } finally {
    output.stop();
    const old = isJson ? null : describeOldVersion(ctx);
    if (old !== null) output.aside(old);
  }
}

function openContext(
  installation: Installation,
  { output, signal }: { output: Output; signal: AbortSignal },
): CommandContext {
  const environment = readEnvironment();
  return createContext({
    environment,
    cwd: process.cwd(),
    credentialHelper: () => installation.credentialHelper(environment.configDir),
    input: untold(createInput(process.stdin, process.stderr), output),
    output,
    version: installation.version,
    signal,
  });
}

/** While a person types, nobody is told that something is waited for. */
function untold(input: Input, output: Output): Input {
  const during = async <Result>(reading: () => Promise<Result>): Promise<Result> => {
    output.waitFor(null);
    const result = await reading();
    output.waitFor('the server');
    return result;
  };
  return {
    ...input,
    ask: (prompt) => during(() => input.ask(prompt)),
    askHidden: (prompt) => during(() => input.askHidden(prompt)),
  };
}

/** `fn` alone shows what there is, and `fn --version` is a command like the others. */
function normalArguments(argv: string[], program: Command): string[] {
  const [first, ...rest] = argv;
  if (first === undefined) return ['help'];
  // commander would show everything instead of saying that there is none.
  const isUnknown = !program.commands.some((command) => command.name() === rest[0]);
  if (first === 'help' && rest[0] !== undefined && isUnknown) return rest.slice(0, 1);
  // commander's own help takes one word.
  if (first === 'help' && rest.length > 1) return [...rest, '--help'];
  return ['--version', '-V'].includes(first) ? ['version', ...rest] : argv;
}

function gaveUp(): PlatformError {
  return new PlatformError('timed-out', 'it takes longer than --timeout says', {
    hint: 'what was begun goes on; see it: fn attach   (or what came of it: fn releases)',
  });
}

/** `fn releases | head -1` is no failure. */
function ignoreClosedPipe(stdout: NodeJS.WriteStream): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

export function buildProgram(ctx: CommandContext, installation: Installation): Command {
  const program = new Command('fn')
    .description('Push a git repository, get a URL.')
    .addHelpText('after', describeLocalCommands(installation))
    .showSuggestionAfterError();
  for (const [title, commands] of Object.entries(GROUPS)) {
    program.commandsGroup(title);
    for (const define of commands) define(program, ctx);
  }
  program.helpCommand('help [command]', 'show what a command takes');
  localCommands(program);
  addCommonOptions(program);
  neverExit(program);
  return program;
}

function describeLocalCommands({ hasPlatform }: Installation): string {
  const lines = LOCAL_COMMANDS.map(([name, doing]) => `  ${name.padEnd(8)}${doing}`);
  const where = hasPlatform ? 'On this machine' : 'Where gitfn is installed';
  return [`\n${where}:`, ...lines].join('\n');
}

/** commander would end the process and print by itself; both are done in one place instead. */
function neverExit(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => {} });
  for (const child of command.commands) neverExit(child);
}
