import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A key pair of somebody's. */
export interface SshIdentity {
  /** Of the private half. */
  file: string;
  publicKey: string;
  fingerprint: string;
}

export interface SshResult {
  code: number | null;
  output: string;
}

const DEADLINE_MS = 60_000;
const homes: string[] = [];
afterAll(() => homes.forEach((home) => rmSync(home, { recursive: true, force: true })));

export function makeIdentity(type = 'ed25519', ...options: string[]): SshIdentity {
  const home = mkdtempSync(join(tmpdir(), 'gitfn-test-ssh-'));
  homes.push(home);
  const file = join(home, 'id');
  run('ssh-keygen', ['-q', '-t', type, ...options, '-N', '', '-C', 'ada', '-f', file]);
  const publicKey = readFileSync(`${file}.pub`, 'utf8').trim();
  const fingerprint = run('ssh-keygen', ['-lf', `${file}.pub`]).split(' ')[1] ?? '';
  return { file, publicKey, fingerprint };
}

function run(file: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file}: ${stderr}`);
  return stdout;
}

/** Of a platform that was started with `FN_SSH_PORT`. */
export async function sshPortOf({ dataDir }: { dataDir: string }): Promise<number> {
  const facts = await readFile(join(dataDir, 'server.json'), 'utf8');
  return (JSON.parse(facts) as { sshPort: number }).sshPort;
}

/** Words of a command of OpenSSH's client that knows these keys and nothing else of this machine. */
export function sshWords(identities: SshIdentity[], options: string[] = []): string[] {
  const settings = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
  ];
  // The first word on each setting counts.
  return [
    'ssh',
    ...options,
    '-F',
    'none',
    ...settings.flatMap((setting) => ['-o', setting]),
    ...identities.flatMap(({ file }) => ['-i', file]),
  ];
}

/** Runs `ssh` against a port of the loopback address; `words` are its options, then what it asks to have run. */
export function ssh(
  port: number,
  identities: SshIdentity[],
  { options = [], command = [] }: { options?: string[]; command?: string[] } = {},
): Promise<SshResult> {
  const [file = 'ssh', ...args] = sshWords(identities, [...options, '-p', String(port)]);
  return collect(file, [...args, 'git@127.0.0.1', ...command]);
}

/** Runs git with OpenSSH's client as its transport. */
export function gitOverSsh(
  identities: SshIdentity[],
  args: string[],
  cwd: string = tmpdir(),
): Promise<SshResult> {
  return collect('git', args, { cwd, env: sshEnvironment(identities) });
}

export function sshEnvironment(identities: SshIdentity[]): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_SSH_COMMAND: sshWords(identities).join(' '),
    GIT_TERMINAL_PROMPT: '0',
  };
}

async function collect(
  file: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<SshResult> {
  const child = spawn(file, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
