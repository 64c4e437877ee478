import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const VERSION = '20.20.2';
const MAJOR = /^v20\./;
const run = promisify(execFile);

/** The oldest Node that the command line promises to run on: this machine's, or one that npm has. */
export async function findNode20(): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(':')) {
    const path = join(folder, 'node');
    if (existsSync(path) && MAJOR.test(await versionOf(path))) return path;
  }
  return installed();
}

async function versionOf(path: string): Promise<string> {
  const { stdout } = await run(path, ['--version']).catch(() => ({ stdout: '' }));
  return stdout;
}

/** Kept for the next time: it is 100 MB. */
async function installed(): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const folder = join(cache, 'gitfn-tests', `node-${VERSION}`);
  const name = `node-${process.platform}-${process.arch}`;
  const path = join(folder, 'node_modules', name, 'bin/node');
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const npm = join(import.meta.dirname, '../../node_modules/npm/bin/npm-cli.js');
  const args = [npm, 'install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund'];
  await run(process.execPath, [...args, `${name}@${VERSION}`]);
  return path;
}
