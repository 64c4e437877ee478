import { PlatformError } from '../../protocol/errors.ts';
import { CA_FILE_OPTION, chooseAuthority } from '../authority-option.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import type { CommandContext, CommonOptions } from '../command-context.ts';
import { createControlClient } from '../server/control-client.ts';
import { loginByDevice } from './login/device-login.ts';
import { loginByOidc } from './login/oidc-login.ts';
import { normalServerUrl } from '../server/server-url.ts';
import { readToken } from '../server/token.ts';
import { describeToken } from './whoami.ts';

interface LoginOptions extends CommonOptions {
  tokenFile?: string;
  caFile?: string;
  device?: true;
  oidc?: true;
}

export const login: CommandDefinition = (program, ctx) => {
  const command = newCommand('login', 'log in to a server')
    .argument('[url]', 'the platform; without it, that of FN_SERVER or of the fn remote')
    .option('--token-file <file>', 'a file that holds the token, instead of typing or piping it')
    .option('--device', 'show a code, which somebody else approves with fn tokens approve')
    .option('--oidc', 'by the provider of identities that the server knows, with a browser')
    .option(...CA_FILE_OPTION)
    .addHelpText(
      'after',
      '\nIn scripts and CI: fn login URL < FILE, or set FN_SERVER and FN_TOKEN.',
    );
  program.addCommand(command);
  command.action(async (url: string | undefined, options: LoginOptions) => {
    const server = await chooseServer(ctx, url);
    const authority = await chooseAuthority(ctx, server, options);
    const token = await obtainToken(ctx, { server, authority }, options);
    const client = createControlClient({ server, authority }, token);
    const whoAmI = await client.call('whoAmI');
    await ctx.credentials.store(server, token);
    if (authority !== null) await ctx.authorities.store(server, authority);
    if (options.json) return ctx.output.json({ ...whoAmI, server });
    ctx.output.line(`-----> Logged in to ${server}`);
    for (const line of describeToken(whoAmI)) ctx.output.line(`       ${line}`);
    if (ctx.environment.token !== null) {
      ctx.output.line(' !     FN_TOKEN is set and goes before the token that is stored now');
    }
  });
};

function obtainToken(
  ctx: CommandContext,
  peer: { server: string; authority: string | null },
  { device, oidc, tokenFile }: LoginOptions,
): Promise<string> {
  if (device === true) return loginByDevice(ctx, createControlClient(peer, null));
  if (oidc === true) return loginByOidc(ctx, createControlClient(peer, null));
  return readToken(ctx, { server: peer.server, file: tokenFile });
}

export const logout: CommandDefinition = (program, ctx) => {
  const command = newCommand('logout', 'log out of a server').argument(
    '[url]',
    'the platform; without it, that of FN_SERVER, of the fn remote, or the only one',
  );
  program.addCommand(command);
  command.action(async (url: string | undefined, options: CommonOptions) => {
    const server = await chooseServer(ctx, url);
    if (!(await ctx.credentials.remove(server))) throw notLoggedIn(server);
    if (options.json) return ctx.output.json({ server });
    ctx.output.line(`-----> Logged out of ${server}`);
    ctx.output.line('       The token itself is still valid; to end it: fn tokens revoke ID');
  });
};

/** @throws PlatformError bad-request */
async function chooseServer(ctx: CommandContext, url: string | undefined): Promise<string> {
  const named = url ?? ctx.environment.server ?? (await ctx.repository.readRemote())?.server;
  if (named !== undefined) return normalServerUrl(named);
  const [only, ...others] = await ctx.credentials.listServers();
  if (only !== undefined && others.length === 0) return only;
  throw new PlatformError('bad-request', 'which server? None is named', {
    hint: 'give its URL, for example: fn login http://localhost:3000',
  });
}

function notLoggedIn(server: string): PlatformError {
  return new PlatformError('not-found', `no token for ${server} is stored on this machine`, {
    hint: `nothing is left to do; to log in: fn login ${server}`,
  });
}
