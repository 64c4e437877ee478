import { Command } from 'commander';
import type { CommandContext } from './command-context.ts';

/** Adds one command to the program. */
export type CommandDefinition = (program: Command, ctx: CommandContext) => void;

/**
 * A command with the options that all have. `doing` completes "cannot …" when it fails; it is kept as the command's
 * summary so that whoever prints the failure finds it.
 */
export function newCommand(name: string, doing: string): Command {
  return newGroup(name, doing)
    .option('--json', 'print the result as JSON')
    .option('-y, --yes', 'ask nothing');
}

/** A command that only has commands below it: an option of its own would be taken from theirs. */
export function newGroup(name: string, doing: string): Command {
  return new Command(name)
    .summary(doing)
    .description(`${doing.charAt(0).toUpperCase()}${doing.slice(1)}`);
}
