import { addDomain } from './domains/add.ts';
import { type CommandDefinition, newGroup } from '../command.ts';
import { listDomains } from './domains/list.ts';
import { removeDomain } from './domains/remove.ts';
import { verifyDomain } from './domains/verify.ts';

export const domains: CommandDefinition = (program, ctx) => {
  const command = newGroup('domains', 'manage host names of your own');
  command.addCommand(listDomains(ctx), { isDefault: true });
  command.addCommand(addDomain(ctx));
  command.addCommand(verifyDomain(ctx));
  command.addCommand(removeDomain(ctx));
  program.addCommand(command);
};
