import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const FN = resolve(import.meta.dirname, '../../bin/fn');

async function doctor(args: string[], variables: Record<string, string> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-doctor-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const env = { PATH: process.env['PATH'], FN_DATA_DIR: join(folder, 'data'), ...variables };
  return new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
    execFile(FN, ['doctor', ...args], { env }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

it('finds what the server needs, as lines or as JSON', async () => {
  const lines = await doctor([]);
  expect(lines).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok {4}sandbox-nodejs/m) });
  const { findings } = JSON.parse((await doctor(['--json'])).stdout) as {
    findings: { subject: string; status: string }[];
  };
  expect(findings.map(({ subject }) => subject)).toEqual(
    expect.arrayContaining(['git', 'bwrap', 'postgres', 'memory-limit', 'sandbox-nodejs']),
  );
  expect(findings.filter(({ status }) => status === 'fail')).toEqual([]);
});

it('says what is wrong, and exits 6', async () => {
  const broken = await doctor([], { PORT: 'x' });
  expect(broken.code).toBe(6);
  expect(broken.stdout).toMatch(/^fail +configuration[^]*PORT=x/m);
});

it('refuses what it does not know, and exits 2', async () => {
  expect(await doctor(['--nonsense'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--nonsense'),
  });
});
