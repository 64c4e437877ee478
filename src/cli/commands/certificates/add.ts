import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Operations } from '../../../protocol/control-client.generated.ts';
import { PlatformError } from '../../../protocol/errors.ts';
import { newCommand } from '../../command.ts';
import { type AppOptions, type CommandContext, connect } from '../../command-context.ts';

type CertificateUpload = Operations['uploadCertificate']['input']['body'];

interface AddOptions extends AppOptions {
  key: string;
}

/** The server takes less, and says so; this keeps a wrong file out of the memory. */
const MAX_FILE_BYTES = 256 * 1024;

export function addCertificate(ctx: CommandContext): Command {
  return newCommand('add', 'upload a certificate of your own and its key')
    .argument('<chain>', 'file with the certificate and its intermediates, PEM, the leaf first')
    .requiredOption('--key <file>', 'file with the key, PEM, not encrypted')
    .option('--app <name>', 'the app whose domains it is for; without it, the platform')
    .action(async (chainFile: string, options: AddOptions) => {
      const chain = await readPemFile(ctx, chainFile);
      const key = await readPemFile(ctx, options.key);
      const body: CertificateUpload = { chain, key };
      if (options.app !== undefined) body.app = options.app;
      const client = await connect(ctx);
      const added = await client.call('uploadCertificate', { body });
      if (options.json) return ctx.output.json(added);
      const { id, names, notAfter, replaced, warnings } = added;
      ctx.output.line(`${id} is served for ${names.join(', ')} until ${notAfter?.slice(0, 10)}.`);
      for (const former of replaced) ctx.output.line(`It takes the place of ${former}.`);
      for (const warning of warnings) ctx.output.aside(`warning: ${warning}`);
    });
}

async function readPemFile(ctx: CommandContext, name: string): Promise<string> {
  const path = resolve(ctx.cwd, name);
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) throw tooLarge(path, size);
    return await readFile(path, 'latin1');
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new PlatformError('bad-request', `${path} cannot be read (${code})`, {
      hint: 'name the two files as in: fn certificates add fullchain.pem --key privkey.pem',
      cause,
    });
  }
}

function tooLarge(path: string, bytes: number): PlatformError {
  return new PlatformError('too-large', `${path} has ${bytes} bytes`, {
    hint: 'name a file with nothing but a certificate and its intermediates, or one key',
  });
}
