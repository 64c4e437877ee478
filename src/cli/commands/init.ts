import { basename, resolve } from 'node:path';
import { PlatformError } from '../../protocol/errors.ts';
import { CA_FILE_OPTION, chooseAuthority } from '../authority-option.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import type { CommandContext, CommonOptions } from '../command-context.ts';
import { createControlClient } from '../server/control-client.ts';
import { findApp } from '../server/find-app.ts';
import { REMOTE_NAME, type Repository } from '../git/repository.ts';
import { normalServerUrl } from '../server/server-url.ts';
import { readTokenFile } from '../server/token.ts';

interface InitOptions extends CommonOptions {
  server?: string;
  tokenFile?: string;
  caFile?: string;
}

const MAX_APP_NAME_CHARACTERS = 40;

export const init: CommandDefinition = (program, ctx) => {
  const command = newCommand('init', 'connect this repository to an app')
    .argument('[app]', "the app's name; without it, that of the folder")
    .option('--server <url>', 'the platform, for example https://fn.example.com')
    .option('--token-file <file>', 'a file that holds the token')
    .option(...CA_FILE_OPTION);
  program.addCommand(command);
  command.action(async (app: string | undefined, options: InitOptions) => {
    const appName = app ?? validName(basename(ctx.cwd));
    if (validName(appName) !== appName) throw invalidName(appName);
    const server = await chooseServer(ctx, options);
    const token = await chooseToken(ctx, server, options);
    // Nothing is written before the server has accepted the token.
    const authority = await chooseAuthority(ctx, server, options);
    const client = createControlClient({ server, authority }, token);
    const { apps } = await client.call('whoAmI');
    if (apps !== null && !apps.includes(appName)) throw foreignApp(appName, apps);
    // The first push would make it, unless its name cannot be.
    const existing = await findApp(client, appName);

    const isNewRepository = !(await ctx.repository.exists());
    if (isNewRepository) await ctx.repository.create();
    const previousUrl = await ctx.repository.readRemoteUrl();
    const remoteUrl = `${server}/${appName}.git`;
    const authorityFile = authority && (await ctx.authorities.store(server, authority));
    const helper = await ctx.credentialHelper();
    await configure(ctx.repository, { server, remoteUrl, helper, authorityFile });
    await ctx.credentials.store(server, token);

    if (authorityFile !== null && ctx.environment.gitAuthorities !== null) {
      ctx.output.aside(
        'warning: GIT_SSL_CAINFO is set here, and git believes nobody else while it is; before you push: unset GIT_SSL_CAINFO',
      );
    }
    const result = { app: appName, server, remoteUrl, isNewRepository, previousUrl };
    if (options.json) return ctx.output.json(result);
    for (const line of describe(result)) ctx.output.line(line);
    if (isNewRepository && existing?.productionBranch) {
      ctx.output.line(
        `       It has commits already; to go on from them: git fetch fn && git reset fn/${existing.productionBranch}`,
      );
    }
  });
};

async function chooseServer(ctx: CommandContext, options: InitOptions): Promise<string> {
  const remote = await ctx.repository.readRemote();
  const server = options.server ?? ctx.environment.server ?? remote?.server;
  if (server !== undefined) return normalServerUrl(server);
  const [only, ...others] = await ctx.credentials.listServers();
  if (only !== undefined && others.length === 0) return only;
  throw new PlatformError('bad-request', 'which server? Neither --server nor FN_SERVER is given', {
    hint: 'for a platform on this machine: fn init --server http://localhost:3000 --token-file .fn/admin-token',
  });
}

async function chooseToken(
  ctx: CommandContext,
  server: string,
  { tokenFile }: InitOptions,
): Promise<string> {
  if (tokenFile !== undefined) return readTokenFile(resolve(ctx.cwd, tokenFile));
  const token = ctx.environment.token ?? (await ctx.credentials.find(server));
  if (token !== null) return token;
  throw new PlatformError('unauthenticated', `no token for ${server} is stored on this machine`, {
    hint: `run: fn login ${server}   (or add --token-file FILE: the first token stands in admin-token in the data folder of the server)`,
  });
}

interface Wiring {
  server: string;
  remoteUrl: string;
  helper: string;
  /** Of whom git is to believe the server's certificate; null for the public ones. */
  authorityFile: string | null;
}

async function configure(repository: Repository, wiring: Wiring): Promise<void> {
  const { server, remoteUrl, helper, authorityFile } = wiring;
  await repository.setConfig(`remote.${REMOTE_NAME}.url`, [remoteUrl]);
  await repository.setConfig(`remote.${REMOTE_NAME}.fetch`, [
    `+refs/heads/*:refs/remotes/${REMOTE_NAME}/*`,
    // What is live, so that `git log fn/live/production..main` shows what is not.
    `+refs/live/*:refs/remotes/${REMOTE_NAME}/live/*`,
  ]);
  // The empty value drops helpers of the user's own, which would keep a copy of the token.
  const quoted = `'${helper.replaceAll("'", String.raw`'\''`)}'`;
  await repository.setConfig(`credential.${server}.helper`, ['', `!${quoted}`]);
  if (authorityFile !== null) {
    await repository.setConfig(`http.${server}.sslCAInfo`, [authorityFile]);
  }
}

/** The nearest name that an app may have. */
function validName(name: string): string {
  const slug = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, MAX_APP_NAME_CHARACTERS)
    .replace(/-+$/, '');
  return slug === '' ? 'app' : slug;
}

function invalidName(name: string): PlatformError {
  return new PlatformError('bad-request', `"${name}" cannot be the name of an app`, {
    hint: `"${validName(name)}" can: a-z, 0-9 and single hyphens, a letter first`,
  });
}

function foreignApp(appName: string, apps: string[]): PlatformError {
  return new PlatformError('forbidden', `the token is limited to ${apps.join(', ')}`, {
    hint: `run: fn init ${apps[0] ?? 'APP'}   (or use a token that may deploy ${appName})`,
  });
}

interface InitResult {
  app: string;
  server: string;
  remoteUrl: string;
  isNewRepository: boolean;
  previousUrl: string | null;
}

function describe({ app, remoteUrl, isNewRepository, previousUrl }: InitResult): string[] {
  const lines = [`-----> ${app}: git remote fn is ${remoteUrl}`];
  if (isNewRepository)
    lines.push('       This folder was no git repository: made one, branch main');
  const isMoved = previousUrl !== null && previousUrl !== remoteUrl;
  if (isMoved) lines.push(`       It was ${previousUrl} before`);
  lines.push('       Deploy with: git push fn main');
  return lines;
}
