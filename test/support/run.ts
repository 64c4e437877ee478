/**
 * `npm test`: makes sure that the system packages which the tests need are there, runs the suites, and ends with a
 * line `N passed, N failed`. `--all` adds the long suites, `-- PATH …` runs only what is named, long or not. A skipped
 * test is printed, and fails in CI.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readHostEnvironment } from '../../src/main/config/env.ts';
import { provideTools } from '../../src/main/supervisor/machine/host-tools.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

/** Of vitest.config.ts: all but the long suites, which have commands of their own (see package.json). */
const SHORT_PROJECTS = ['--project', 'modules', '--project', 'platform'];

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numFailedTestSuites: number;
}

async function runVitest(choice: string[]): Promise<{ report: Report | null; code: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-report-'));
  const file = join(folder, 'report.json');
  const vitest = join(PROJECT, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  try {
    const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...choice], {
      cwd: PROJECT,
      stdio: 'inherit',
    });
    const [code] = (await once(child, 'close')) as [number | null];
    const text = await readFile(file, 'utf8').catch(() => null);
    return { report: text === null ? null : (JSON.parse(text) as Report), code: code ?? 1 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

provideTools({
  folders: readHostEnvironment().toolFolders,
  say: (line) => void process.stderr.write(`${line}\n`),
});
const names = process.argv.slice(2).filter((name) => name !== '--all');
const isWhole = names.length > 0 || process.argv.includes('--all');
const { report, code } = await runVitest(isWhole ? names : SHORT_PROJECTS);
if (report === null) {
  process.stdout.write('0 passed, 1 failed\n');
  process.exit(1);
}
const { numPassedTests, numFailedTests, numPendingTests } = report;
const isSkipRefused = numPendingTests > 0 && process.env['CI'] !== undefined;
if (numPendingTests > 0) process.stdout.write(`${numPendingTests} skipped\n`);
process.stdout.write(`${numPassedTests} passed, ${numFailedTests} failed\n`);
process.exit(code === 0 && !isSkipRefused && numPassedTests > 0 ? 0 : 1);
