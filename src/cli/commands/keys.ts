import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Operations } from '../../protocol/control-client.generated.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { printableLine } from '../../std/printable.ts';
import { type CommandDefinition, newCommand, newGroup } from '../command.ts';
import { type CommandContext, type CommonOptions, connect } from '../command-context.ts';
import { confirm } from '../terminal/confirm.ts';
import { listAll } from '../server/list-all.ts';
import { formatAge, formatTable } from '../terminal/output.ts';

const MAX_SHOWN_CHARACTERS = 60;
/** That needs not be named. */
const SSH_PORT = 22;
const NO_SSH = 'this server does not answer git over SSH';
const NO_SSH_HINT = 'its operator turns it on with FN_SSH_PORT; HTTP does all that SSH does';

export const keys: CommandDefinition = (program, ctx) => {
  const command = newGroup('keys', 'manage SSH public keys of the token').addHelpText(
    'after',
    '\nThey are for git over SSH, at servers that have it. fn keys host tells whether this one has, and its own key.',
  );
  command.addCommand(listKeys(ctx), { isDefault: true });
  command.addCommand(addKey(ctx));
  command.addCommand(removeKey(ctx));
  command.addCommand(showHost(ctx));
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
      const { endpoint } = await client.call('getSsh');
      if (endpoint === null) {
        ctx.output.line(`It opens nothing yet: ${NO_SSH}. ${NO_SSH_HINT}.`);
        return;
      }
      const { appName = 'APP' } = (await ctx.repository.readRemote()) ?? {};
      ctx.output.line('To push over SSH from now on:');
      ctx.output.line(`  git remote set-url --push fn ${sshUrl(endpoint, appName)}`);
      ctx.output.line(`The server’s own key is ${endpoint.fingerprint}. To trust it beforehand:`);
      ctx.output.line('  fn keys host >> ~/.ssh/known_hosts');
    });
}

/** What came over HTTPS is proof enough of the key: nobody has to compare fingerprints by hand. */
function showHost(ctx: CommandContext): Command {
  return newCommand('host', "print the server's own key, as a line of known_hosts").action(
    async (options: CommonOptions) => {
      const client = await connect(ctx);
      const ssh = await client.call('getSsh');
      if (options.json) return ctx.output.json(ssh);
      if (ssh.endpoint === null) {
        throw new PlatformError('not-found', NO_SSH, { hint: NO_SSH_HINT });
      }
      const { host, port, hostKey } = ssh.endpoint;
      ctx.output.line(`${port === SSH_PORT ? host : `[${host}]:${port}`} ${hostKey}`);
    },
  );
}

type Endpoint = NonNullable<Operations['getSsh']['answer']['endpoint']>;

function sshUrl({ host, port }: Endpoint, appName: string): string {
  return `ssh://git@${host}${port === SSH_PORT ? '' : `:${port}`}/${appName}`;
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
