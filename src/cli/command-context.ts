import { PlatformError } from '../protocol/errors.ts';
import { type ControlClient, createControlClient } from './control-client.ts';
import { createCredentialsFile, type CredentialsFile } from './credentials-file.ts';
import type { CliEnvironment } from './environment.ts';
import type { Output } from './output.ts';
import { openRepository, type Repository } from './repository.ts';
import { normalServerUrl } from './server-url.ts';

/** What every command works with. */
export interface CommandContext {
  environment: CliEnvironment;
  cwd: string;
  /** Absolute path of the program that git asks for a token. */
  credentialHelper: string;
  output: Output;
  credentials: CredentialsFile;
  repository: Repository;
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
  credentialHelper: string;
  output: Output;
}

export function createContext(parts: ContextParts): CommandContext {
  return {
    ...parts,
    credentials: createCredentialsFile(parts.environment.configDir),
    repository: openRepository(parts.cwd),
    now: () => Date.now(),
  };
}

/** A client of the server that FN_SERVER or the `fn` remote names. @throws PlatformError */
export async function connect(ctx: CommandContext): Promise<ControlClient> {
  const named = ctx.environment.server ?? (await ctx.repository.readRemote())?.server;
  if (named === undefined) {
    throw new PlatformError(
      'bad-request',
      'this folder has no fn remote, and FN_SERVER is not set',
      {
        hint: 'run: fn init --server URL --token-file FILE',
      },
    );
  }
  const server = normalServerUrl(named);
  const token = ctx.environment.token ?? (await ctx.credentials.find(server));
  if (token === null) {
    throw new PlatformError('unauthenticated', `no token for ${server} is stored on this machine`, {
      hint: `run: fn init --server ${server} --token-file FILE   (or set FN_TOKEN)`,
    });
  }
  return createControlClient(server, token);
}

/** The app that `--app` or the `fn` remote names. @throws PlatformError bad-request */
export async function chooseApp(ctx: CommandContext, options: AppOptions): Promise<string> {
  const appName = options.app ?? (await ctx.repository.readRemote())?.appName;
  if (appName !== undefined) return appName;
  throw new PlatformError('bad-request', 'which app? This folder has no fn remote', {
    hint: 'add --app NAME (fn apps lists them), or run fn init here',
  });
}

/** The API's path of an app. */
export function appPath(appName: string): string {
  return `/apps/${encodeURIComponent(appName)}`;
}
