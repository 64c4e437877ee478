import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../../std/atomic-file.ts';

/**
 * Tokens by server, in a file that only its owner can read. A line is `<server URL> <token>`, so that git's credential
 * helper (bin/fn-credential) can read it with the shell's own means.
 */
export interface CredentialsFile {
  find(server: string): Promise<string | null>;
  store(server: string, token: string): Promise<void>;
  /** False when there was none. */
  remove(server: string): Promise<boolean>;
  listServers(): Promise<string[]>;
}

export function createCredentialsFile(configDir: string): CredentialsFile {
  const path = join(configDir, 'credentials');

  async function read(): Promise<Map<string, string>> {
    const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const pairs = content.split('\n').map((line) => line.trim().split(/\s+/));
    return new Map(pairs.flatMap(([server, token]) => (server && token ? [[server, token]] : [])));
  }

  async function write(credentials: Map<string, string>): Promise<void> {
    await mkdir(configDir, { recursive: true, mode: 0o700 });
    const lines = [...credentials].map((pair) => `${pair.join(' ')}\n`);
    await writeFileAtomically(path, lines.join(''), 0o600);
  }

  return {
    listServers: async () => [...(await read()).keys()],
    async find(server) {
      return (await read()).get(server) ?? null;
    },
    async remove(server) {
      const credentials = await read();
      const isKnown = credentials.delete(server);
      if (isKnown) await write(credentials);
      return isKnown;
    },
    async store(server, token) {
      const credentials = await read();
      if (credentials.get(server) === token) return;
      await write(credentials.set(server, token));
    },
  };
}
