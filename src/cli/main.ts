/**
 * The command line as a client of the control API. Each command is parse → call → print, in a file of its own; none
 * can do what another client could not. `server` and `doctor`, which work on this machine, are started by main/.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ERROR_TABLE, PlatformError } from '../protocol/errors.ts';
import { apps } from './apps.ts';
import { createContext, type CommandContext } from './command-context.ts';
import { readEnvironment } from './environment.ts';
import { init } from './init.ts';
import { open } from './open.ts';
import { releases } from './releases.ts';
import { rollback } from './rollback.ts';
import { tokens } from './tokens.ts';
import { whoami } from './whoami.ts';

const COMMANDS = [init, releases, rollback, open, apps, tokens, whoami];
const ROOT = join(import.meta.dirname, '../..');
const EXIT_USAGE = 2;

/** Runs one command; resolves with the exit code and never rejects for what a user can mend. */
export async function runCli(argv: string[]): Promise<number> {
  const ctx = createContext({
    environment: readEnvironment(),
    cwd: process.cwd(),
    credentialHelper: join(ROOT, 'bin/fn-credential'),
    output: {
      line: (text) => void process.stdout.write(`${text}\n`),
      json: (value) => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    },
  });
  let running: Command | null = null;
  const program = buildProgram(ctx).hook('preAction', (_, command) => {
    running = command;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (!(error instanceof PlatformError)) throw error;
    printFailure(error, running);
    return ERROR_TABLE[error.code].exit;
  }
}

function buildProgram(ctx: CommandContext): Command {
  const program = new Command('fn')
    .description('Push a git repository, get a URL.')
    .version(readVersion(), '--version')
    .addHelpText(
      'after',
      '\nOn this machine:\n  server  run the platform\n  doctor  check what it needs',
    )
    .showSuggestionAfterError()
    .showHelpAfterError('(fn help shows the commands)');
  for (const define of COMMANDS) define(program, ctx);
  neverExit(program);
  return program;
}

/** commander would end the process by itself; the exit code is chosen in one place instead. */
function neverExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) neverExit(child);
}

/** What failed, why, and what to do about it. */
function printFailure(error: PlatformError, command: Command | null): void {
  const doing = command?.summary() ?? 'do that';
  if (command?.opts()['json'] === true) {
    const { code, message, hint } = error;
    process.stderr.write(`${JSON.stringify({ error: { code, doing, message, hint } })}\n`);
    return;
  }
  process.stderr.write(`fn: cannot ${doing}\n    ${error.message}\n`);
  if (error.hint !== undefined) process.stderr.write(`    ${error.hint}\n`);
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version;
}
