import { spawn } from 'node:child_process';

/** Most take a few milliseconds; one that waits for ever would hold up every cold start. */
const DEADLINE_MS = 30_000;
const MAX_OUTPUT_CHARACTERS = 2_000;
/** The filter's map of every sandbox that there can be is smaller. */
const MAX_READ_CHARACTERS = 512 * 1024;

/** Has the shell read commands from its standard input; never rejects. The result is null, or what went wrong. */
export async function runScript(sh: string, script: string): Promise<string | null> {
  return (await run(sh, script)).problem;
}

/** As `runScript`, for what the commands print; nothing when one went wrong. */
export async function readScript(sh: string, script: string): Promise<string> {
  const { problem, output } = await run(sh, script);
  return problem === null ? output : '';
}

function run(sh: string, script: string): Promise<{ problem: string | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(sh, ['-s'], {
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(0, MAX_READ_CHARACTERS);
    });
    let printed = '';
    child.stderr.on('data', (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(0, MAX_OUTPUT_CHARACTERS);
    });
    child.once('error', ({ message }) => resolve({ problem: message, output }));
    child.once('close', (code, signal) => {
      const said = `${printed.trim() || 'it said nothing'} (${signal ?? `code ${code}`})`;
      resolve({ problem: code === 0 ? null : said, output });
    });
    // A shell that has ended says so by its end.
    child.stdin.on('error', () => {});
    child.stdin.end(script);
  });
}
