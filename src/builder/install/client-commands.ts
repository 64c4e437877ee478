/** How each package manager is told to install exactly what its lockfile says. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CERTIFICATES_FILE, CLIENT_FOLDERS, TOOLCHAIN } from '../places.ts';
import type { ClientName } from './detect-client.ts';
import type { PackageJson } from './package-json.ts';

export interface ClientCommand {
  title: string;
  command: string[];
}

const PROGRAMS: Record<ClientName, string> = {
  npm: `${CLIENT_FOLDERS.npm}/bin/npm-cli.js`,
  pnpm: `${CLIENT_FOLDERS.pnpm}/bin/pnpm.cjs`,
  yarn: `${CLIENT_FOLDERS.yarn}/bin/yarn.js`,
  yarnBerry: `${CLIENT_FOLDERS.yarnBerry}/bin/yarn.js`,
};

/** Below /tmp, which is the sandbox's own, or a folder made for this build. Caches are removed when the installation has ended. */
export const HOME = `${tmpdir()}/home`;
const BIN = `${tmpdir()}/bin`;
export const CLIENT_CACHE = `${tmpdir()}/client-cache`;
const LOOPBACK = ['localhost', '127.0.0.1', '::1'];
const SYSTEM_PATH = `${TOOLCHAIN}/bin:/usr/bin:/bin:/usr/sbin:/sbin`;

/** The command that makes or mends the lockfile, for people. */
export const LOCK_COMMANDS: Record<ClientName, string> = {
  npm: 'npm install --package-lock-only && git add package-lock.json',
  pnpm: 'pnpm install --lockfile-only && git add pnpm-lock.yaml',
  yarn: 'yarn install && git add yarn.lock',
  yarnBerry: 'yarn install --mode=update-lockfile && git add yarn.lock',
};

export function clientTitle(client: ClientName): string {
  return client === 'yarnBerry' ? 'yarn' : client;
}

interface InstallOptions {
  withDev: boolean;
  /** The project says itself which packages may run install scripts. */
  hasOwnPolicy: boolean;
  /** Its format is rewritten, which must not count as a change. */
  isOlderLock: boolean;
}

export function installCommand(
  client: ClientName,
  { withDev, hasOwnPolicy, isOlderLock }: InstallOptions,
): ClientCommand {
  const program = [process.execPath, PROGRAMS[client]];
  switch (client) {
    case 'npm': {
      const omit = withDev ? ['--include=dev'] : ['--omit=dev'];
      // Scripts run in this sandbox, which is what it is for, unless the project has decided for itself.
      const scripts = hasOwnPolicy ? [] : ['--dangerously-allow-all-scripts'];
      return { title: 'npm ci', command: [...program, 'ci', ...omit, ...scripts] };
    }
    case 'pnpm': {
      const production = withDev ? [] : ['--prod'];
      const scripts = hasOwnPolicy ? [] : ['--config.dangerously-allow-all-builds=true'];
      // Flat folders without symbolic links: what is traced out of them is what the function will find.
      const layout = ['--config.node-linker=hoisted', '--reporter=append-only'];
      // The version that a project names is not here to be had: the one that is here is taken.
      const version = [
        '--config.manage-package-manager-versions=false',
        '--config.package-manager-strict=false',
        `--store-dir=${CLIENT_CACHE}/pnpm`,
      ];
      const flags = ['--frozen-lockfile', ...production, ...layout, ...version, ...scripts];
      return {
        title: 'pnpm install --frozen-lockfile',
        command: [...program, 'install', ...flags],
      };
    }
    case 'yarn': {
      const flags = ['--frozen-lockfile', '--non-interactive', '--no-progress', '--ignore-engines'];
      const production = withDev ? ['--production=false'] : ['--production=true'];
      return {
        title: 'yarn install --frozen-lockfile',
        command: [...program, 'install', ...flags, ...production],
      };
    }
    case 'yarnBerry': {
      // It has no installation without development dependencies that also leaves the lockfile alone.
      const flag = isOlderLock ? '--no-immutable' : '--immutable';
      return { title: `yarn install ${flag}`, command: [...program, 'install', flag] };
    }
    default:
      return client satisfies never;
  }
}

/** `npm run NAME` or its like. */
export function runScriptCommand(client: ClientName, script: string): ClientCommand {
  return {
    title: `${clientTitle(client)} run ${script}`,
    command: [process.execPath, PROGRAMS[client], 'run', script],
  };
}

/** Whether the project says itself which packages may run install scripts. */
export function hasScriptPolicy(client: ClientName, root: string, content: PackageJson): boolean {
  if (client === 'npm') return content.raw['allowScripts'] !== undefined;
  if (client !== 'pnpm') return false;
  const own = /onlyBuiltDependencies|ignoredBuiltDependencies|neverBuiltDependencies|allowBuilds/;
  const file = join(root, 'pnpm-workspace.yaml');
  const settings = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return own.test(settings) || own.test(JSON.stringify(content.raw['pnpm'] ?? {}));
}

interface ClientSettings {
  client: ClientName;
  /** Where packages come from whose project says nothing else. */
  registry: string;
  proxyUrl: string;
}

/** Settings of the user that the sandbox is: a project's own .npmrc or .yarnrc.yml goes before them. */
export function writeClientSettings({ client, registry, proxyUrl }: ClientSettings): void {
  mkdirSync(HOME, { recursive: true });
  mkdirSync(BIN, { recursive: true });
  writeFileSync(`${HOME}/.npmrc`, npmSettings(registry, proxyUrl));
  writeFileSync(`${HOME}/.yarnrc`, `registry "${registry}"\n`);
  writeFileSync(`${HOME}/.yarnrc.yml`, yarnSettings(registry, proxyUrl));
  const yarn = client === 'yarnBerry' ? PROGRAMS.yarnBerry : PROGRAMS.yarn;
  const programs = { npm: PROGRAMS.npm, pnpm: PROGRAMS.pnpm, yarn, yarnpkg: yarn };
  for (const [name, program] of Object.entries(programs)) symlinkSync(program, `${BIN}/${name}`);
  symlinkSync(`${CLIENT_FOLDERS.npm}/bin/npx-cli.js`, `${BIN}/npx`);
}

function npmSettings(registry: string, proxyUrl: string): string {
  return [
    `registry=${registry}`,
    `proxy=${proxyUrl}`,
    `https-proxy=${proxyUrl}`,
    `cache=${CLIENT_CACHE}/npm`,
    'audit=false',
    'fund=false',
    'update-notifier=false',
    'progress=false',
    // The defaults wait for minutes; a pusher is waiting.
    'fetch-retries=2',
    'fetch-retry-mintimeout=500',
    'fetch-retry-maxtimeout=2000',
    'fetch-timeout=30000',
    '',
  ].join('\n');
}

function yarnSettings(registry: string, proxyUrl: string): string {
  return [
    `npmRegistryServer: "${registry.replace(/\/$/, '')}"`,
    `httpProxy: "${proxyUrl}"`,
    `httpsProxy: "${proxyUrl}"`,
    `globalFolder: "${CLIENT_CACHE}/berry"`,
    'enableGlobalCache: true',
    // As with the others: they run in this sandbox, unless the project has decided for itself.
    'enableScripts: true',
    'enableTelemetry: false',
    'enableProgressBars: false',
    'enableHyperlinks: false',
    'enableColors: false',
    'httpRetry: 2',
    'httpTimeout: 30000',
    'nodeLinker: node-modules',
    'unsafeHttpWhitelist: ["127.0.0.1", "localhost", "*"]',
    '',
  ].join('\n');
}

interface CommandEnvironment {
  proxyUrl: string;
  registries: readonly string[];
  /** Folders whose `node_modules/.bin` come first in PATH. */
  folders: readonly string[];
  /** The build-scoped variables that the command may have. */
  variables: Readonly<Record<string, string>>;
}

/** All that a command of the build finds in its environment. */
export function commandEnvironment(options: CommandEnvironment): Record<string, string> {
  const { proxyUrl, registries, folders, variables } = options;
  const hosts = registries.map((url) => new URL(url).hostname);
  // What a build starts on its own loopback is reached directly, a registry of the operator's there is not.
  const direct = LOOPBACK.filter((host) => !hosts.includes(host)).join(',');
  const bins = folders.map((folder) => `${folder}/node_modules/.bin`);
  return {
    ...variables,
    PATH: [...bins, BIN, SYSTEM_PATH].join(':'),
    HOME,
    USER: 'build',
    SHELL: '/bin/sh',
    TMPDIR: tmpdir(),
    LANG: 'C.UTF-8',
    CI: '1',
    HTTP_PROXY: proxyUrl,
    HTTPS_PROXY: proxyUrl,
    http_proxy: proxyUrl,
    https_proxy: proxyUrl,
    NO_PROXY: direct,
    no_proxy: direct,
    COREPACK_ENABLE_STRICT: '0',
    COREPACK_ENABLE_AUTO_PIN: '0',
    YARN_IGNORE_PATH: '1',
    // node-gyp takes Node's headers from there instead of downloading them.
    npm_config_nodedir: TOOLCHAIN,
    NEXT_TELEMETRY_DISABLED: '1',
    ...(existsSync(CERTIFICATES_FILE) && { NODE_EXTRA_CA_CERTS: CERTIFICATES_FILE }),
  };
}
