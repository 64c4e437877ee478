/**
 * git, run as control orders it, against hosts that may be hostile. It reaches what control lets it connect to by the
 * same proxy as package managers; what it fetches lies in a folder of the sandbox, and leaves it by a push alone.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAX_GIT_OUTPUT_CHARACTERS, type GitEnd, type GitOrder } from '../protocol/git-order.ts';
import type { BuilderServices } from './install/builder-services.ts';
import { startForwarder } from './install/registry-forwarder.ts';
import { CERTIFICATES_FILE } from './places.ts';

export interface GitOrders {
  run(order: GitOrder): Promise<GitEnd>;
}

const BASE_CONFIG = [
  ['core.hooksPath', '/dev/null'],
  ['core.protectHFS', 'true'],
  ['core.protectNTFS', 'true'],
  // Larger ones are passed through, and not held in memory whole.
  ['core.bigFileThreshold', '8m'],
  // What a host sends stays one file, whose size is bounded.
  ['fetch.unpackLimit', '1'],
  ['gc.auto', '0'],
  ['http.followRedirects', 'false'],
  ['pack.threads', '1'],
  ['pack.windowMemory', '64m'],
  ['submodule.recurse', 'false'],
  ['transfer.fsckObjects', 'true'],
] as const;

export async function createGitOrders(
  services: Pick<BuilderServices, 'connect'>,
): Promise<GitOrders> {
  const { url: proxy } = await startForwarder(services);
  const root = mkdtempSync(join(tmpdir(), 'git-'));
  const folder = mkdtempSync(join(root, 'repository-'));
  const authoritiesFile = join(root, 'authorities.pem');
  return {
    run: (order) => {
      const ofMachine = existsSync(CERTIFICATES_FILE)
        ? readFileSync(CERTIFICATES_FILE, 'utf8')
        : '';
      writeFileSync(authoritiesFile, `${order.authorities}\n${ofMachine}`);
      const config = [
        ['http.proxy', proxy],
        ['http.sslCAInfo', authoritiesFile],
      ] as const;
      return runGit(folder, { ...order, config: [...BASE_CONFIG, ...config, ...order.config] });
    },
  };
}

function runGit(
  folder: string,
  { args, config, protocols, maxFileBytes }: GitOrder,
): Promise<GitEnd> {
  const child = spawn('/usr/bin/prlimit', [`--fsize=${maxFileBytes}`, '/usr/bin/git', ...args], {
    cwd: folder,
    env: {
      PATH: '/usr/bin:/bin',
      HOME: '/nonexistent',
      LC_ALL: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ALLOW_PROTOCOL: protocols,
      ...configVariables(config),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((resolve, reject) => {
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output = keepEnd(output, chunk)));
    child.stderr.on('data', (chunk: Buffer) => (errors = keepEnd(errors, chunk)));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output, errors }));
  });
}

function configVariables(config: GitOrder['config']): Record<string, string> {
  const variables = config.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(config.length), ...Object.fromEntries(variables) };
}

function keepEnd(text: string, chunk: Buffer): string {
  return (text + chunk.toString()).slice(-MAX_GIT_OUTPUT_CHARACTERS);
}
