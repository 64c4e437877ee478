import type { Command } from 'commander';
import { PlatformError } from '../../protocol/errors.ts';
import { newCommand } from '../command.ts';

/** Commands that work on this machine; main/ runs them, and the rest of the command line only names them. */
export const LOCAL_COMMANDS: readonly (readonly [name: string, doing: string])[] = [
  ['server', 'run the platform'],
  ['dev', 'serve this folder, built anew at each change'],
  ['doctor', 'check what the platform needs'],
];

/** Where the platform is not: they say where they run, whatever comes after them. */
export function localCommands(program: Command): void {
  for (const [name, doing] of LOCAL_COMMANDS) {
    const command = newCommand(name, doing).argument('[words...]').allowUnknownOption();
    program.addCommand(command, { hidden: true });
    command.action(() => {
      throw new PlatformError(
        'tool-missing',
        `fn ${name} is part of a whole gitfn, and this is the command line alone`,
        { hint: `in a folder that holds all of gitfn, as on the server: npm ci && bin/fn ${name}` },
      );
    });
  }
}
