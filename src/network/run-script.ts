import { spawn } from 'node:child_process';

/** Most take a few milliseconds; one that waits for ever would hold up every cold start. */
const DEADLINE_MS = 30_000;
const MAX_OUTPUT_CHARACTERS = 2_000;

/** Has the shell read commands from its standard input; never rejects. The result is null, or what went wrong. */
export function runScript(sh: string, script: string): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(sh, ['-s'], {
      cwd: '/',
      env: {},
      stdio: ['pipe', 'ignore', 'pipe'],
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    let printed = '';
    child.stderr.on('data', (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(0, MAX_OUTPUT_CHARACTERS);
    });
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      if (code === 0) resolve(null);
      else resolve(`${printed.trim() || 'it said nothing'} (${signal ?? `code ${code}`})`);
    });
    // A shell that has ended says so by its end.
    child.stdin.on('error', () => {});
    child.stdin.end(script);
  });
}
