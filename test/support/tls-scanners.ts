/** testssl.sh and sslscan, the Debian packages: they try the protocols, ciphers, extensions and old attacks that they know. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provideProgram } from './debian-packages.ts';

const TESTSSL = '/usr/bin/testssl';
const SSLSCAN = '/usr/bin/sslscan';
const DEADLINE_MS = 10 * 60_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** What is scanned at 127.0.0.1 under a name. */
interface Scanned {
  host: string;
  port: number;
}

export interface Finding {
  id: string;
  severity: string;
  finding: string;
}

/** @param sections testssl's own options, such as `--protocols` */
export async function runTestssl(
  { host, port, caFile }: Scanned & { caFile: string },
  sections: readonly string[],
): Promise<Finding[]> {
  provideProgram(TESTSSL, 'testssl.sh');
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-testssl-'));
  const file = join(folder, 'findings.json');
  const manner = ['--warnings', 'batch', '--nodns', 'none', '--color', '0', '--quiet'];
  const place = ['--ip', '127.0.0.1', '--add-ca', caFile, '--jsonfile', file];
  try {
    const printed = await print(TESTSSL, [...manner, ...place, ...sections, `${host}:${port}`]);
    return await readFindings(file, printed);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What it prints as XML. */
export async function runSslscan({ host, port }: Scanned): Promise<string> {
  provideProgram(SSLSCAN, 'sslscan');
  return print(SSLSCAN, ['--xml=-', `--sni-name=${host}`, `127.0.0.1:${port}`]);
}

/** Whatever the exit code: that of testssl says how much it has found. */
function print(program: string, parameters: string[]): Promise<string> {
  const options = { timeout: DEADLINE_MS, maxBuffer: MAX_OUTPUT_BYTES };
  return new Promise((resolve) => {
    execFile(program, parameters, options, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}

async function readFindings(file: string, printed: string): Promise<Finding[]> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Finding[];
  } catch (error) {
    throw new Error(`testssl did not come to its end:\n${printed}`, { cause: error });
  }
}
