/**
 * The command line as a client of the control API. Each command is parse → call → print, in a file of its own; none
 * can do what another client could not. `server` and `doctor`, which work on this machine, are started by main/.
 */
import { Command, CommanderError } from 'commander';
import { apps } from './apps.ts';
import { audit } from './audit.ts';
import { attach } from './attach.ts';
import { cancel } from './cancel.ts';
import { certificates } from './certificates.ts';
import { completion } from './completion.ts';
import { createContext, type CommandContext } from './command-context.ts';
import { deploy } from './deploy.ts';
import { domains } from './domains.ts';
import { env } from './env-command.ts';
import { readEnvironment } from './environment.ts';
import { describeFailure, formatFailure, wantsJson } from './failure.ts';
import { init } from './init.ts';
import { createInput } from './input.ts';
import type { Installation } from './installation.ts';
import { LOCAL_COMMANDS, localCommands } from './local-commands.ts';
import { login, logout } from './login.ts';
import { inspect } from './inspect.ts';
import { logs } from './logs.ts';
import { masterKey } from './master-key.ts';
import { metrics } from './metrics.ts';
import { open } from './open.ts';
import { promote } from './promote.ts';
import { redeploy } from './redeploy.ts';
import { releases } from './releases.ts';
import { rollback } from './rollback.ts';
import { tokens } from './tokens.ts';
import { whoami } from './whoami.ts';

const COMMANDS = [
  login,
  logout,
  init,
  deploy,
  releases,
  inspect,
  rollback,
  promote,
  redeploy,
  attach,
  cancel,
  logs,
  metrics,
  open,
  env,
  domains,
  certificates,
  apps,
  tokens,
  audit,
  masterKey,
  whoami,
  completion,
];

/** Runs one command; resolves with the exit code and never rejects for what a user can mend. */
export async function runCli(argv: string[], installation: Installation): Promise<number> {
  ignoreClosedPipe(process.stdout);
  const environment = readEnvironment();
  const ctx = createContext({
    environment,
    cwd: process.cwd(),
    credentialHelper: () => installation.credentialHelper(environment.configDir),
    input: createInput(process.stdin, process.stderr),
    output: {
      line: (text) => void process.stdout.write(`${text}\n`),
      aside: (text) => void process.stderr.write(`${text}\n`),
      json: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    },
  });
  let running: Command | null = null;
  const program = buildProgram(ctx, installation).hook('preAction', (_, command) => {
    running = command;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    const failure = describeFailure(error, running);
    if (failure === null) return error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
    process.stderr.write(formatFailure(failure, { isJson: wantsJson(argv) }));
    return failure.exit;
  }
}

/** `fn releases | head -1` is no failure. */
function ignoreClosedPipe(stdout: NodeJS.WriteStream): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

function buildProgram(ctx: CommandContext, installation: Installation): Command {
  const program = new Command('fn')
    .description('Push a git repository, get a URL.')
    .version(installation.version, '--version')
    .addHelpText('after', describeLocalCommands(installation))
    .showSuggestionAfterError();
  for (const define of COMMANDS) define(program, ctx);
  if (!installation.hasPlatform) localCommands(program);
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
