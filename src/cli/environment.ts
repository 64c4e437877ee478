import { join } from 'node:path';

/** Everything that the CLI takes from its environment; read here and nowhere else in cli/. */
export interface CliEnvironment {
  /** FN_SERVER; null when unset or empty, as all here. */
  server: string | null;
  /** FN_TOKEN */
  token: string | null;
  /** Where credentials are kept. */
  configDir: string;
  /** All of it, for the programs that are started. */
  inherited: NodeJS.ProcessEnv;
  /** GIT_SSL_CAINFO: whom git believes, whatever its configuration says. */
  gitAuthorities: string | null;
  /** Whether a browser could show itself. */
  hasDisplay: boolean;
}

export function readEnvironment(env: NodeJS.ProcessEnv = process.env): CliEnvironment {
  const read = (name: string): string | null => env[name] || null;
  const configHome = read('XDG_CONFIG_HOME') ?? join(read('HOME') ?? '/', '.config');
  return {
    server: read('FN_SERVER'),
    token: read('FN_TOKEN'),
    configDir: join(configHome, 'gitfn'),
    inherited: env,
    gitAuthorities: read('GIT_SSL_CAINFO'),
    hasDisplay: (read('DISPLAY') ?? read('WAYLAND_DISPLAY')) !== null,
  };
}
