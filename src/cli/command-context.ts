import { PlatformError } from '../protocol/errors.ts';
import { type AuthorityFiles, createAuthorityFiles } from './server/authority-files.ts';
import { type ControlClient, createControlClient } from './server/control-client.ts';
import { createCredentialsFile, type CredentialsFile } from './server/credentials-file.ts';
import type { CliEnvironment } from './environment.ts';
import type { Input } from './terminal/input.ts';
import type { Output } from './terminal/output.ts';
import { openRepository, type Repository } from './git/repository.ts';
import { normalServerUrl } from './server/server-url.ts';

/** What every command works with. */
export interface CommandContext {
  environment: CliEnvironment;
  cwd: string;
  /** Absolute path of the program that git asks for a token; it is there afterwards. */
  credentialHelper: () => Promise<string>;
  input: Input;
  output: Output;
  credentials: CredentialsFile;
  authorities: AuthorityFiles;
  repository: Repository;
  /** Of this command line. */
  version: string;
  /** Of the server that has answered, if one has. */
  seen: { server: { url: string; version: string } | null };
  /** Nobody wants to wait any longer. */
  signal: AbortSignal;
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** Options that every command has. */
export interface CommonOptions {
  json?: true;
  yes?: true;
}

export interface AppOptions extends CommonOptions {
  app?: string;
}

interface ContextParts {
  environment: CliEnvironment;
  cwd: string;
  credentialHelper: () => Promise<string>;
  input: Input;
  output: Output;
  version: string;
  signal: AbortSignal;
}

export function createContext(parts: ContextParts): CommandContext {
  return {
    ...parts,
    credentials: createCredentialsFile(parts.environment.configDir),
    authorities: createAuthorityFiles(parts.environment.configDir),
    repository: openRepository(parts.cwd),
    seen: { server: null },
    now: () => Date.now(),
  };
}

/** The same as if the command had been given in another folder. */
export function inFolder(ctx: CommandContext, folder: string): CommandContext {
  return { ...ctx, cwd: folder, repository: openRepository(folder) };
}

/**
 * A client of the server that FN_SERVER or the `fn` remote names, or of the only one that somebody logged in to.
 * @throws PlatformError
 */
export async function connect(ctx: CommandContext): Promise<ControlClient> {
  const server = await chooseServer(ctx);
  const token = ctx.environment.token ?? (await ctx.credentials.find(server));
  if (token !== null) {
    const authority = await ctx.authorities.find(server);
    const onVersion = (version: string): void => void (ctx.seen.server = { url: server, version });
    return createControlClient({ server, authority, onVersion, signal: ctx.signal }, token);
  }
  throw new PlatformError('unauthenticated', `no token for ${server} is stored on this machine`, {
    hint: `run: fn login ${server}   (in CI, set FN_TOKEN)`,
  });
}

async function chooseServer(ctx: CommandContext): Promise<string> {
  const named = ctx.environment.server ?? (await ctx.repository.readRemote())?.server;
  if (named !== undefined) return normalServerUrl(named);
  const [only, ...others] = await ctx.credentials.listServers();
  if (only === undefined) {
    throw new PlatformError('bad-request', `which server? ${await describeLack(ctx.repository)}`, {
      hint: 'run: fn init --server URL   (or fn login URL, or set FN_SERVER)',
    });
  }
  if (others.length === 0) return only;
  const servers = [only, ...others].join(', ');
  throw new PlatformError(
    'bad-request',
    `which server? ${await describeLack(ctx.repository)}, and there are tokens for ${servers}`,
    { hint: `name one, for example: --server ${only}   (or set FN_SERVER)` },
  );
}

/** Why a folder names no app of no server. */
async function describeLack(repository: Repository): Promise<string> {
  if (!(await repository.exists())) return 'This folder is in no git repository';
  const url = await repository.readRemoteUrl();
  if (url === null) return 'This repository has no remote named fn';
  return `The remote fn of this repository, ${url}, is no http(s)://HOST/APP.git`;
}

/** The app that `--app` or the `fn` remote names. @throws PlatformError bad-request */
export async function chooseApp(ctx: CommandContext, options: AppOptions): Promise<string> {
  const appName = options.app ?? (await ctx.repository.readRemote())?.appName;
  if (appName !== undefined) return appName;
  throw new PlatformError('bad-request', `which app? ${await describeLack(ctx.repository)}`, {
    hint: 'add --app NAME (fn apps lists them), or connect this folder: fn init NAME',
  });
}
