import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Sandbox, Sandboxes } from '../../src/pool/index.ts';
import type { ReleaseRunResult } from '../../src/protocol/data-plane.ts';
import { startDataPlane, type DataPlane } from '../support/data-plane.ts';
import { wrapModule } from '../support/function-code.ts';
import { createWorkerProcesses } from '../support/worker-process.ts';

let plane: DataPlane | null = null;

afterEach(async () => {
  await plane?.close();
  plane = null;
});

interface Options extends NonNullable<Parameters<typeof startDataPlane>[0]> {
  args?: string[];
  timeoutMs?: number;
  cancelOn?: string;
}

/** The module as a release command, with all that it printed. */
async function run(
  source: string,
  options: Options = {},
): Promise<{ result: ReleaseRunResult; lines: string[] }> {
  plane = await startDataPlane(options);
  const { id, bundle } = await plane.deployment(await wrapModule(source));
  const lines: string[] = [];
  const cancelled = new AbortController();
  const print = (line: string): void => {
    lines.push(line);
    if (line === options.cancelOn) cancelled.abort();
  };
  const command = { entry: 'migrate.ts', file: 'main.js', args: options.args ?? [] };
  const { timeoutMs = 30_000 } = options;
  const result = await plane.pool.runReleaseCommand(
    { deployment: id, appName: 'hello', bundle, command, memoryMib: 128, timeoutMs },
    { print, signal: cancelled.signal },
  );
  return { result, lines };
}

const exited = (status: string): unknown => ({
  kind: 'failed',
  failure: expect.objectContaining({
    reason: 'exited',
    message: `ended with exit status ${status}`,
  }),
});
const threw = (message: string): unknown => ({
  kind: 'failed',
  failure: expect.objectContaining({ reason: 'threw', message }),
});

describe('a release command', () => {
  it('ends well when its event loop has nothing left, and its output is told', async () => {
    const { result, lines } = await run(
      `console.log('begun', process.argv.slice(2).join(' '), process.env.TABLE, process.env.AWS_LAMBDA_FUNCTION_NAME);
       setTimeout(() => process.stdout.write('one\\ntwo'), 50);`,
      { args: ['--to', 'latest'], environment: { TABLE: 'users' } },
    );
    expect(result).toEqual({ kind: 'succeeded' });
    expect(lines).toEqual(['begun --to latest users undefined', 'one', 'two']);
  });

  it.each([
    ['process.exit(3)', '3'],
    ['process.exitCode = 4; setTimeout(() => {}, 10)', '4'],
    ["process.on('exit', () => { process.exitCode = 5; })", '5'],
    ["process.on('uncaughtException', () => process.exit(6)); throw new Error('own')", '6'],
    [
      "process.on('unhandledRejection', () => process.exit(7)); Promise.reject(new Error('own'))",
      '7',
    ],
    ['process.kill(process.pid, "SIGKILL")', null],
  ])('that ends with %s ends as Node would', async (source, status) => {
    const { result } = await run(source);
    if (status !== null) expect(result).toEqual(exited(status));
    else
      expect(result).toMatchObject({
        kind: 'failed',
        failure: { message: 'was ended by SIGKILL' },
      });
  });

  it.each([
    ["throw new Error('no database')", 'no database'],
    ["throw new TypeError('no database')", 'TypeError: no database'],
    ["throw 'words'", 'string: words'],
    ["setTimeout(() => { throw new Error('late'); }, 10); setTimeout(() => {}, 60_000)", 'late'],
    ["Promise.reject(new Error('rejected')); setTimeout(() => {}, 60_000)", 'rejected'],
    ["console.log('last words'); throw new Error('after words')", 'after words'],
  ])('that fails by %s tells what it threw', async (source, message) => {
    const { result, lines } = await run(source);
    expect(result).toEqual(threw(message));
    expect(lines).toEqual(source.includes('last words') ? ['last words'] : []);
  });

  it('goes on when its own handler takes the error', async () => {
    const { result, lines } = await run(`
      process.on('uncaughtException', (error) => console.log('handled', error.message));
      setTimeout(() => console.log('still here'), 50);
      throw new Error('mine');`);
    expect(result).toEqual({ kind: 'succeeded' });
    expect(lines).toEqual(['handled mine', 'still here']);
  });

  it('that awaits for ever what nothing can bring ends with status 13, as in Node', async () => {
    plane = await startDataPlane();
    const code =
      '(async function(__builtin,__meta,__export,require){await new Promise(() => {});\n})';
    const { id, bundle } = await plane.deployment(code);
    const lines: string[] = [];
    const command = { entry: 'migrate.ts', file: 'main.js', args: [] };
    const result = await plane.pool.runReleaseCommand(
      { deployment: id, appName: 'hello', bundle, command, memoryMib: 128, timeoutMs: 30_000 },
      { print: (line) => lines.push(line), signal: new AbortController().signal },
    );
    expect(result).toEqual(exited('13'));
    expect(lines).toEqual([expect.stringContaining('migrate.ts awaits something')]);
  });

  it('takes its share of the machine from its app', async () => {
    const workers = await createWorkerProcesses();
    onTestFinished(() => workers.close());
    const shares: (string | undefined)[] = [];
    const sandboxes: Sandboxes = {
      start: async (memoryMib) => {
        const sandbox = await workers.start(memoryMib);
        const specialise: Sandbox['specialise'] = (deployment, bundle, app) => {
          shares.push(app);
          sandbox.specialise(deployment, bundle, app);
        };
        return { ...sandbox, specialise };
      },
    };
    expect((await run('', { sandboxes })).result).toEqual({ kind: 'succeeded' });
    expect(shares).toEqual(['hello']);
  });

  it('may start processes, whose words are told', async () => {
    const { result, lines } = await run(`
      import { execFileSync, spawnSync } from 'node:child_process';
      const program = (code) => [process.execPath, ['-e', code]];
      console.log(String(execFileSync(...program('console.log("asked")'))).trim());
      spawnSync(...program('console.error("by itself")'), { stdio: 'inherit' });`);
    expect(result).toEqual({ kind: 'succeeded' });
    // They come by different ways.
    expect(lines.toSorted()).toEqual(['asked', 'by itself']);
  });

  it('that hangs is ended at its deadline, and one that spins as well', async () => {
    const hangs = await run('setInterval(() => {}, 1000)', { timeoutMs: 500 });
    expect(hangs.result).toMatchObject({
      kind: 'failed',
      failure: { reason: 'timeout', message: 'did not end within 0.5 seconds' },
    });
    await plane?.close();
    const spins = await run('for (;;);', { timeoutMs: 500 });
    expect(spins.result).toMatchObject({ kind: 'failed', failure: { reason: 'timeout' } });
  });

  it('ends when it is cancelled', async () => {
    const { result } = await run("console.log('begun'); setInterval(() => {}, 1000)", {
      cancelOn: 'begun',
    });
    expect(result).toMatchObject({ kind: 'failed', failure: { reason: 'cancelled' } });
  });

  it('that needs more memory than it has fails by that', async () => {
    const { result } = await run('const all = []; for (;;) all.push(new Array(1e6).fill({}));', {
      execArgv: ['--max-old-space-size=32'],
    });
    expect(result).toMatchObject({ kind: 'failed', failure: { reason: 'out-of-memory' } });
  });

  it('has its secrets taken out of what it prints and throws', async () => {
    const secret = 'correct-horse-battery';
    const { result, lines } = await run(
      'console.log(process.env.TOKEN); throw new Error(`bad ${process.env.TOKEN}`);',
      { environment: { TOKEN: secret }, secretNames: ['TOKEN'] },
    );
    expect(lines).toHaveLength(1);
    expect(JSON.stringify({ result, lines })).not.toContain(secret);
  });

  it('that prints without end is heard up to a limit', async () => {
    const { result, lines } = await run(
      'for (let i = 0; i < 1500; i++) console.log("x\\n".repeat(9));',
    );
    expect(result).toEqual({ kind: 'succeeded' });
    expect(lines).toHaveLength(5_001);
    expect(lines.at(-1)).toContain('left out');
  });
});
