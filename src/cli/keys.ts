import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { PlatformError } from '../protocol/errors.ts';
import { printableLine } from '../std/printable.ts';
import { type CommandDefinition, newCommand, newGroup } from './command.ts';
import { type CommandContext, type CommonOptions, connect } from './command-context.ts';
import { confirm } from './confirm.ts';
import { listAll } from './list-all.ts';
import { formatAge, formatTable } from './output.ts';

const MAX_SHOWN_CHARACTERS = 60;

export const keys: CommandDefinition = (program, ctx) => {
  const command = newGroup('keys', 'manage SSH public keys of the token').addHelpText(
    'after',
    '\nThey are for git over SSH, at servers that have it: git remote set-url --push fn ssh://git@HOST:PORT/APP',
  );
  command.addCommand(listKeys(ctx), { isDefault: true });
  command.addCommand(addKey(ctx));
  command.addCommand(removeKey(ctx));
  program.addCommand(command);
};

function listKeys(ctx: CommandContext): Command {
  return newCommand('list', 'list the keys').action(async (options: CommonOptions) => {
    const client = await connect(ctx);
    const items = await listAll(client, 'listKeys', {});
    if (options.json) return ctx.output.json({ items });
    if (items.length === 0) {
      ctx.output.line('There are no keys. Add one: fn keys add ~/.ssh/id_ed25519.pub');
      return;
    }
    const rows = items.map(({ id, name, algorithm, fingerprint, createdAt }) => [
      id,
      printableLine(name, MAX_SHOWN_CHARACTERS),
      algorithm,
      fingerprint,
      formatAge(createdAt, ctx.now()),
    ]);
    for (const line of formatTable(['ID', 'NAME', 'ALGORITHM', 'FINGERPRINT', 'ADDED'], rows)) {
      ctx.output.line(line);
    }
  });
}

function addKey(ctx: CommandContext): Command {
  return newCommand('add', 'add a key')
    .argument('<file>', 'a .pub file, for example ~/.ssh/id_ed25519.pub')
    .option('--name <name>', 'what it is called; otherwise as its comment says')
    .action(async (file: string, options: CommonOptions & { name?: string }) => {
      const publicKey = await readKeyFile(resolve(ctx.cwd, file));
      const body = { publicKey, ...(options.name !== undefined && { name: options.name }) };
      const client = await connect(ctx);
      const added = await client.call('addKey', { body });
      if (options.json) return ctx.output.json(added);
      ctx.output.line(`${added.id} is added: ${added.fingerprint}`);
      ctx.output.line('Where the server has SSH, its operator knows the port:');
      ctx.output.line('  git remote set-url --push fn ssh://git@HOST:PORT/APP');
    });
}

function removeKey(ctx: CommandContext): Command {
  return newCommand('remove', 'remove a key')
    .argument('<id>', 'as fn keys list shows it')
    .action(async (id: string, options: CommonOptions) => {
      const client = await connect(ctx);
      await confirm(ctx, options, `Remove ${id}?`);
      await client.call('removeKey', { params: { id } });
      if (options.json) return ctx.output.json({ id, isRemoved: true });
      ctx.output.line(`${id} is removed.`);
    });
}

/** @throws PlatformError bad-request, and before a private key leaves this machine */
async function readKeyFile(path: string): Promise<string> {
  const content = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new PlatformError(
      'bad-request',
      `${path} cannot be read (${cause.code ?? cause.message})`,
      {
        hint: 'name a .pub file; to make a key: ssh-keygen -t ed25519',
        cause,
      },
    );
  });
  if (!content.includes('PRIVATE KEY')) return content.trim();
  throw new PlatformError('bad-request', `${path} is a private key, which stays on this machine`, {
    hint: `give its public half: fn keys add ${path}.pub`,
  });
}
