import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  isServerOf,
  readPidFile,
} from '../../../../src/main/supervisor/database/postgres-pid-file.ts';

async function cluster(): Promise<{ path: string; program: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-cluster-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'cluster');
  await mkdir(path);
  const program = join(folder, 'postgres');
  await copyFile('/bin/sleep', program);
  return { path, program };
}

async function start(program: string, cwd: string): Promise<number> {
  const child: ChildProcess = spawn(program, ['600'], { cwd, stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  return child.pid ?? 0;
}

describe('a process is taken for the database server', () => {
  it('when it runs the program and works in the cluster', async () => {
    const { path, program } = await cluster();
    expect(isServerOf(path, await start(program, path))).toBe(true);
  });

  it('when its program was replaced meanwhile, as npm ci does', async () => {
    const { path, program } = await cluster();
    const pid = await start(program, path);
    await rm(program);
    expect(isServerOf(path, pid)).toBe(true);
  });

  it('not when it works elsewhere, is another program, or has ended', async () => {
    const { path, program } = await cluster();
    expect(isServerOf(path, await start(program, '/'))).toBe(false);
    expect(isServerOf(path, await start('/bin/sleep', path))).toBe(false);
    expect(isServerOf(path, 2 ** 30)).toBe(false);
  });
});

describe('the pid file', () => {
  it('tells the pid, and the status once it is whole', async () => {
    const { path } = await cluster();
    expect(readPidFile(path)).toBe(null);
    await writeFile(join(path, 'postmaster.pid'), '17\n/data\n');
    expect(readPidFile(path)).toEqual({ pid: 17, status: '' });
    await writeFile(join(path, 'postmaster.pid'), '17\n/data\n1\n\n/run\n\n 1\nready   \n');
    expect(readPidFile(path)).toEqual({ pid: 17, status: 'ready' });
  });
});
