import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type ProcessSpec,
  SupervisedProcess,
} from '../../../src/main/supervisor/supervised-process.ts';
import { eventually } from '../../support/eventually.ts';

const SERVES = `
  process.on('disconnect', () => process.exit());
  process.on('message', ({ type }) => process.send({ type: type === 'start' ? 'ready' : 'gone' }));
  process.on('message', ({ type }) => type === 'stop' && process.exit());
`;
const SILENT = `process.on('disconnect', () => process.exit()); process.on('message', () => {});`;
const STOP_MS = 5_000;
const HOUR_MS = 3_600_000;

function supervise(spec: Partial<ProcessSpec> & Pick<ProcessSpec, 'command'>) {
  const said: string[] = [];
  const pids: (number | undefined)[] = [];
  const exits: (number | null)[] = [];
  const supervised = new SupervisedProcess(
    { name: 'test', options: () => ({}), ...spec },
    {
      say: (line) => void said.push(line),
      onSpawn: (child) => {
        pids.push(child.pid);
        child.once('exit', (code) => exits.push(code));
        return { message: () => {}, ended: () => {} };
      },
    },
  );
  onTestFinished(() => supervised.stop(STOP_MS));
  return { supervised, said, pids, exits };
}

function holdTimers(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

const running = (code: string): ProcessSpec['command'] => [process.execPath, '-e', code];

/** A program that is there or not, as a test wants it. */
async function program() {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-supervised-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'program');
  const install = async (): Promise<void> => {
    await writeFile(path, `#!${process.execPath}\n${SERVES}`);
    await chmod(path, 0o755);
  };
  await install();
  return { path, install, remove: () => rm(path) };
}

function kill(pid: number | undefined): void {
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
}

describe('a process of the platform', () => {
  it('is left alone by its start deadline once it serves', async () => {
    holdTimers();
    const { supervised, said, pids, exits } = supervise({ command: running(SERVES) });
    await supervised.start();
    vi.advanceTimersByTime(HOUR_MS);
    vi.useRealTimers();
    // A kill would have come before the request to stop, which it now answers.
    await supervised.stop(STOP_MS);
    expect({ said, starts: pids.length }).toEqual({ said: [], starts: 1 });
    expect(exits).toEqual([0]);
  });

  it('is ended when it says nothing until its start deadline', async () => {
    holdTimers();
    const { supervised, pids } = supervise({ command: running(SILENT) });
    const starting = supervised.start();
    vi.advanceTimersByTime(HOUR_MS);
    vi.useRealTimers();
    await expect(starting).rejects.toThrow('no answer within 120 s');
    await eventually(() => expect(() => process.kill(pids[0] ?? Number.NaN, 0)).toThrow('ESRCH'));
  });

  it('is started again when it ends', async () => {
    const { supervised, said, pids } = supervise({ command: running(SERVES) });
    await supervised.start();
    kill(pids[0]);
    await eventually(() => expect(pids).toHaveLength(2));
    expect(said.join()).toContain('SIGKILL');
  });

  it('is tried again when the system could not make it', async () => {
    const { path, install, remove } = await program();
    const { supervised, said, pids } = supervise({ command: [path] });
    await supervised.start();
    await remove();
    kill(pids[0]);
    await eventually(() => expect(said.join()).toContain('ENOENT'));
    await install();
    await eventually(() => expect(pids.at(-1)).toBeDefined());
  });

  it('is tried again when its start threw', async () => {
    let starts = 0;
    const { supervised, said, pids } = supervise({
      command: running(SERVES),
      prepare: () => {
        starts += 1;
        if (starts === 2) throw new Error('EMFILE: too many open files');
      },
    });
    await supervised.start();
    kill(pids[0]);
    await eventually(() => expect(pids).toHaveLength(2));
    expect(said.join()).toContain('EMFILE');
  });

  it('is not tried again when its very first start fails', async () => {
    const { supervised, said } = supervise({ command: ['/nonexistent/program'] });
    await expect(supervised.start()).rejects.toMatchObject({ code: 'unavailable' });
    await supervised.stop(STOP_MS);
    expect(said).toEqual([]);
  });
});
