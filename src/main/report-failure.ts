import { ERROR_TABLE, PlatformError } from '../protocol/errors.ts';

/** Ends a command of this machine: what happened, what mends it; a stack only for a bug of ours. */
export function reportFailure(command: string, error: unknown): never {
  if (!(error instanceof PlatformError)) {
    console.error(`${command}: this is a bug in gitfn`);
    console.error(error);
    return process.exit(1);
  }
  process.stderr.write(`${command}: ${error.message}\n`);
  if (error.hint !== undefined) process.stderr.write(`${indent(error.hint)}\n`);
  return process.exit(ERROR_TABLE[error.code].exit);
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ');
}
