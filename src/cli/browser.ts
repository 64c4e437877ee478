import { spawn } from 'node:child_process';

/** The URL is printed already: a machine without an opener has lost nothing. */
export function openBrowser(url: string): void {
  const browser = spawn('xdg-open', [url], { stdio: 'ignore', detached: true });
  browser.on('error', () => {});
  browser.unref();
}
