import { addCertificate } from './certificates/add.ts';
import { listCertificates } from './certificates/list.ts';
import { removeCertificate } from './certificates/remove.ts';
import { trustCertificate } from './certificates/trust.ts';
import { type CommandDefinition, newGroup } from '../command.ts';

export const certificates: CommandDefinition = (program, ctx) => {
  const command = newGroup('certificates', 'manage the certificates of HTTPS');
  command.addCommand(listCertificates(ctx), { isDefault: true });
  command.addCommand(addCertificate(ctx));
  command.addCommand(removeCertificate(ctx));
  command.addCommand(trustCertificate(ctx));
  program.addCommand(command);
};
