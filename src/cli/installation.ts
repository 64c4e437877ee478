import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** As what the command line came to this machine: with all of gitfn, or as the one file that a server hands out. */
export interface Installation {
  version: string;
  /** Whether the platform is here as well, so that it can be run. */
  hasPlatform: boolean;
  /** The program that git asks for a token: its absolute path, once it is there. */
  credentialHelper(configDir: string): Promise<string>;
}

/** Of a clone or an npm package of the project, which is where this file is when nobody says so. */
export function wholeInstallation(root = join(import.meta.dirname, '../..')): Installation {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return {
    version,
    hasPlatform: true,
    credentialHelper: async () => join(root, 'bin/fn-credential'),
  };
}
