import { resolve } from 'node:path';
import { readAuthorityFile } from './server/authority-files.ts';
import type { CommandContext } from './command-context.ts';

/** For commander's `option`. */
export const CA_FILE_OPTION = [
  '--ca-file <file>',
  'the certificate of the authority that vouches for the server, where it is no public one',
] as const;

/** What the option names, or what is stored for the server. @throws PlatformError bad-request */
export async function chooseAuthority(
  ctx: CommandContext,
  server: string,
  { caFile }: { caFile?: string },
): Promise<string | null> {
  if (caFile === undefined) return ctx.authorities.find(server);
  return readAuthorityFile(resolve(ctx.cwd, caFile));
}
