/** Lockfiles as the package managers themselves make them, of the versions that builds install with. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const MODULES = resolve(import.meta.dirname, '../../node_modules');
const execute = promisify(execFile);

export type LockingClient = keyof typeof CLIENTS;

const CLIENTS = {
  npm: {
    command: ['npm/bin/npm-cli.js', 'install', '--package-lock-only'],
    file: 'package-lock.json',
  },
  pnpm: { command: ['pnpm/bin/pnpm.cjs', 'install', '--lockfile-only'], file: 'pnpm-lock.yaml' },
  'yarn 1': { command: ['yarn/bin/yarn.js', 'install', '--ignore-scripts'], file: 'yarn.lock' },
  'yarn 4': {
    command: ['@yarnpkg/cli-dist/bin/yarn.js', 'install', '--mode=update-lockfile'],
    file: 'yarn.lock',
  },
};

/** The project with its lockfile: what one would commit. */
export async function lock(
  client: LockingClient,
  registryUrl: string,
  project: Record<string, string>,
): Promise<Record<string, string>> {
  const { command, file } = CLIENTS[client];
  const [program = '', ...args] = command;
  const home = await mkdtemp(join(tmpdir(), 'gitfn-test-lock-'));
  const folder = join(home, 'project');
  try {
    const files = client === 'yarn 4' ? { ...project, 'yarn.lock': '' } : project;
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    const { PATH, NODE_EXTRA_CA_CERTS } = process.env;
    const env = { PATH, NODE_EXTRA_CA_CERTS, HOME: home, ...settings(registryUrl, home) };
    await execute(process.execPath, [join(MODULES, program), ...args], { cwd: folder, env });
    return { ...project, [file]: await readFile(join(folder, file), 'utf8') };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function settings(registryUrl: string, home: string): Record<string, string> {
  return {
    YARN_CACHE_FOLDER: join(home, 'cache'),
    npm_config_registry: registryUrl,
    YARN_REGISTRY: registryUrl,
    YARN_NPM_REGISTRY_SERVER: registryUrl.replace(/\/$/, ''),
    YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
    YARN_ENABLE_IMMUTABLE_INSTALLS: '0',
    YARN_IGNORE_PATH: '1',
  };
}
