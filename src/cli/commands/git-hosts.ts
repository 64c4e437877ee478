import { readFile } from 'node:fs/promises';
import { Argument, type Command } from 'commander';
import type { GitHost } from '../../protocol/control-client.generated.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { printableLine } from '../../std/printable.ts';
import { type CommandDefinition, newCommand, newGroup } from '../command.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from '../command-context.ts';
import { confirm } from '../terminal/confirm.ts';
import { listAll } from '../server/list-all.ts';
import { formatAge, formatTable } from '../terminal/output.ts';

const KINDS = ['github', 'gitlab', 'gitea'] as const satisfies GitHost['kind'][];
const MAX_SHOWN_CHARACTERS = 200;

export const gitHosts: CommandDefinition = (program, ctx) => {
  const command = newGroup('git-hosts', 'deploy what is pushed to GitHub, GitLab or Gitea');
  command.addCommand(listHosts(ctx), { isDefault: true });
  command.addCommand(connectHost(ctx));
  command.addCommand(disconnectHost(ctx));
  program.addCommand(command);
};

function listHosts(ctx: CommandContext): Command {
  return newCommand('list', 'list the repositories that an app is connected with')
    .option('--app <name>', 'the app, when not that of this repository')
    .action(async (options: AppOptions) => {
      const client = await connect(ctx);
      const params = { app: await chooseApp(ctx, options) };
      const items = await listAll(client, 'listGitHosts', { params });
      if (options.json) return ctx.output.json({ items });
      if (items.length === 0) {
        ctx.output.line(
          'None yet. The first one: fn git-hosts connect github https://github.com/OWNER/REPOSITORY',
        );
        return;
      }
      const heading = ['ID', 'KIND', 'REPOSITORY', 'LAST HEARD', 'PROBLEM'];
      const rows = items.map(({ id, kind, url, heardAt, problem }) => {
        return [id, kind, url, formatAge(heardAt, ctx.now()), shown(problem ?? '')];
      });
      for (const line of formatTable(heading, rows)) ctx.output.line(line);
      for (const { hint } of items) if (hint !== null) ctx.output.aside(`to do: ${shown(hint)}`);
    });
}

interface ConnectOptions extends AppOptions {
  tokenFile?: string;
  webhookSecretFile?: string;
}

function connectHost(ctx: CommandContext): Command {
  return newCommand('connect', 'deploy what is pushed to a repository elsewhere')
    .addArgument(new Argument('<kind>', 'which host it is').choices(KINDS))
    .argument('<url>', 'https://HOST/OWNER/REPOSITORY')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--token-file <path>', 'the access token, in place of typing or piping it')
    .option('--webhook-secret-file <path>', "GitLab's signing token, in place of a secret of ours")
    .action(async (kind: GitHost['kind'], url: string, options: ConnectOptions) => {
      const client = await connect(ctx);
      const params = { app: await chooseApp(ctx, options) };
      const accessToken = await readAccessToken(ctx, options);
      const { webhookSecretFile: file } = options;
      const given = file === undefined ? {} : { webhookSecret: await readSecret(file) };
      const made = await client.call('connectGitHost', {
        params,
        body: { kind, url, accessToken, ...given },
      });
      if (options.json) return ctx.output.json(made);
      ctx.output.line(`Connected as ${made.id}. Add this webhook to the repository:`);
      ctx.output.line('');
      ctx.output.line(`URL     ${made.hookUrl}`);
      ctx.output.line(`Secret  ${file === undefined ? made.webhookSecret : 'the one of the file'}`);
      ctx.output.line(`Events  ${EVENTS[kind]}; as application/json`);
      ctx.output.line('');
      ctx.output.line('The secret is shown this once.');
    });
}

const EVENTS: Record<GitHost['kind'], string> = {
  github: 'pushes, pull requests',
  gitlab: 'push, tag push, merge request',
  gitea: 'push, delete, pull request, pull request synchronized',
};

function disconnectHost(ctx: CommandContext): Command {
  return newCommand('disconnect', 'deploy no more what is pushed there')
    .argument('<id>', 'as fn git-hosts list shows it')
    .option('--app <name>', 'the app, when not that of this repository')
    .action(async (id: string, options: AppOptions) => {
      const client = await connect(ctx);
      const params = { app: await chooseApp(ctx, options), id };
      await confirm(ctx, options, `Disconnect ${id}? What is live stays`);
      await client.call('disconnectGitHost', { params });
      if (options.json) return ctx.output.json({ id, isRemoved: true });
      ctx.output.line(`${id} is disconnected. Remove its webhook at the host, too.`);
    });
}

/** Never an argument: those are in the history of the shell and in the list of processes. */
async function readAccessToken(
  { input }: CommandContext,
  { tokenFile }: ConnectOptions,
): Promise<string> {
  if (tokenFile !== undefined) return readSecret(tokenFile);
  const text = input.isTerminal ? await input.askHidden('Access token: ') : await input.readAll();
  if (text !== '') return text;
  throw new PlatformError('bad-request', 'an access token of the repository is needed', {
    hint: 'type it when asked, pipe it in, or name a file: --token-file PATH',
  });
}

async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new PlatformError('bad-request', `${path} cannot be read`, {
      hint: 'name a file that has the secret alone in it',
      cause,
    });
  }
}

function shown(text: string): string {
  return printableLine(text, MAX_SHOWN_CHARACTERS);
}
