import type { Command } from 'commander';
import { PlatformError } from '../../../protocol/errors.ts';
import type { CommandContext } from '../../command-context.ts';
import { parseDotenv } from './dotenv.ts';
import { changeEnvironment } from './change.ts';
import { newValueCommand, type ValueOptions, valueFields } from './options.ts';
import { readText } from './values.ts';

export function importEnvironment(ctx: CommandContext): Command {
  return newValueCommand('import', 'import a .env file')
    .argument('[file]', 'as dotenv has it; - for standard input', '.env')
    .action(async (file: string, options: ValueOptions) => {
      const values = parseDotenv(await readText(ctx, file), file);
      if (values.length === 0) {
        throw new PlatformError('bad-request', `${file} sets no variables`, {
          hint: 'a line of it is NAME=value',
        });
      }
      const fields = valueFields(options);
      const set = values.map(({ name, value }) => ({ name, value, ...fields }));
      await changeEnvironment(ctx, options, { set });
    });
}
