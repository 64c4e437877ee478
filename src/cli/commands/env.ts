import { type CommandDefinition, newGroup } from '../command.ts';
import { importEnvironment } from './env/import.ts';
import { listEnvironment } from './env/list.ts';
import { pullEnvironment } from './env/pull.ts';
import { setEnvironment } from './env/set.ts';
import { unsetEnvironment } from './env/unset.ts';

export const env: CommandDefinition = (program, ctx) => {
  const command = newGroup('env', 'manage the environment of an app');
  command.addCommand(listEnvironment(ctx), { isDefault: true });
  command.addCommand(setEnvironment(ctx));
  command.addCommand(unsetEnvironment(ctx));
  command.addCommand(importEnvironment(ctx));
  command.addCommand(pullEnvironment(ctx));
  program.addCommand(command);
};
