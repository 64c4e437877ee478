import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
/** Of Debian: the browser, and certutil, by which people tell it whom to trust. */
const PACKAGES = ['chromium', 'libnss3-tools'];

/** A browser of this one test, in a home of its own, which trusts what the commands of its user have told it to. */
export interface TestBrowser extends AsyncDisposable {
  browser: Browser;
}

/** @param trust commands of a shell, given in that home before the browser starts */
export async function startChromium(trust: readonly string[]): Promise<TestBrowser> {
  if (!existsSync(CHROMIUM) || !existsSync('/usr/bin/certutil')) installPackages();
  const home = await mkdtemp(join(tmpdir(), 'gitfn-browser-'));
  await mkdir(join(home, 'tmp'));
  const env = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: home,
    TMPDIR: join(home, 'tmp'),
  };
  for (const command of trust) execFileSync('/bin/sh', ['-c', command], { env, stdio: 'pipe' });
  // Its own sandbox wants another user than root; no certificate is believed for the sake of a flag.
  const args = ['--no-sandbox', '--disable-gpu'];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args, env });
  return {
    browser,
    async [Symbol.asyncDispose]() {
      await browser.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function installPackages(): void {
  const parameters = ['install', '-y', '--no-install-recommends', ...PACKAGES];
  const { status } = spawnSync('apt-get', parameters, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`please install: apt-get ${parameters.join(' ')}`);
}
