import { type Command, CommanderError } from 'commander';
import { ERROR_TABLE, type ErrorCode, PlatformError } from '../protocol/errors.ts';

/** What a person, or with `--json` a program, gets to read on standard error. */
interface Failure {
  code: ErrorCode;
  /** Completes "cannot …". */
  doing: string;
  message: string;
  hint: string | undefined;
  exit: number;
}

/**
 * An error as the command line tells it; null when there is nothing to tell, as after `--help`. What is neither the
 * user's nor the server's doing is a bug and is thrown on.
 */
export function describeFailure(error: unknown, command: Command | null): Failure | null {
  if (error instanceof CommanderError) return usageFailure(error);
  const doing = command?.summary() ?? 'do that';
  const known = error instanceof PlatformError ? error : toFileError(error);
  if (known === null) throw error;
  const { code, message, hint } = known;
  return { code, doing, message, hint, exit: ERROR_TABLE[code].exit };
}

/** Three parts on a line each; as JSON, one line: `{"error":{"code","doing","message","hint"}}`. */
export function formatFailure(failure: Failure, { isJson }: { isJson: boolean }): string {
  const { exit: _, ...error } = failure;
  if (isJson) return `${JSON.stringify({ error })}\n`;
  const hint = error.hint === undefined ? '' : `    ${error.hint}\n`;
  return `fn: cannot ${error.doing}\n    ${error.message}\n${hint}`;
}

/** Whether the answer is for a program; known before the command line has been understood. */
export function wantsJson(argv: string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes('--json');
}

/** `error: unknown option '--jsn'`, and on a line of its own `(Did you mean --json?)`. */
function usageFailure(error: CommanderError): Failure | null {
  if (error.exitCode === 0 || error.code === 'commander.help') return null;
  const [first = '', suggestion] = error.message.split('\n');
  const isWholeSuggestion = suggestion !== undefined && /^\(.*\)$/.test(suggestion);
  return {
    code: 'bad-request',
    doing: 'understand the command line',
    message: first.replace(/^error: /, ''),
    hint: isWholeSuggestion
      ? `${suggestion.slice(1, -1)}   (fn help shows the commands)`
      : 'fn help shows the commands, fn help COMMAND one of them',
    exit: ERROR_TABLE['bad-request'].exit,
  };
}

/** A file of the user's own machine that the system refused. */
function toFileError(error: unknown): PlatformError | null {
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (path === undefined || syscall === undefined) return null;
  return new PlatformError('data-folder', `${syscall} of ${path} failed (${code})`, {
    hint: `check who owns it and whether the disk is full: ls -l ${path}`,
    cause: error,
  });
}
