import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSharedLibraries, type SandboxProgram, testSandbox } from '../../src/sandbox/index.ts';
import { ARCHITECTURES, type Architecture } from '../../src/sandbox/seccomp/call-numbers.ts';
import { compileFilter } from '../../src/sandbox/seccomp/filter.ts';
import { ALLOW } from '../../src/sandbox/seccomp/verdict.ts';
import { openProbeTargets } from '../../src/sandbox/self-test/probe-targets.ts';
import { escapeProbes } from '../../src/sandbox/self-test/probes.ts';
import { NODE_PROBER_FILE, nodeProbeProgram } from '../../src/runtimes/nodejs/index.ts';
import { randomName } from '../../src/std/ids.ts';
import { openSandboxLab, type SandboxLab } from '../support/sandbox.ts';

const PROBER = join(resolve(import.meta.dirname, '../..'), NODE_PROBER_FILE);

let lab: SandboxLab;
let prober: SandboxProgram;
beforeAll(async () => {
  lab = await openSandboxLab();
  const libraries = await findSharedLibraries(process.execPath);
  prober = nodeProbeProgram({ node: process.execPath, libraries, runner: PROBER });
});
afterAll(() => lab.close());

function testing(program: SandboxProgram, deadlineMs?: number): Promise<number> {
  const test = { name: randomName(12), prober: program };
  return testSandbox(lab.sandboxes, deadlineMs === undefined ? test : { ...test, deadlineMs });
}

/** What the prober tells when it runs as a process of this machine, where nothing confines it. */
async function unconfined(): Promise<{ names: string[]; found: string[] }> {
  await using listeners = await openProbeTargets([]);
  const probes = escapeProbes({
    launcherPid: process.pid,
    targets: listeners.targets,
    targetMarks: listeners.marks,
    outsidePaths: [],
    tmpBytes: 1,
    shmBytes: 1,
  });
  // Node itself sees to the first 16 descriptors that it is given.
  const stdio = Array.from({ length: 21 }, (_, fd) =>
    [2, 6, 20].includes(fd) ? 'pipe' : 'ignore',
  );
  const child = spawn(process.execPath, [PROBER], {
    env: { OF_THE_PLATFORM: '1' },
    stdio,
  });
  const streams: unknown[] = child.stdio;
  (streams[6] as Writable).end(JSON.stringify({ values: { PROBES: JSON.stringify(probes) } }));
  const [output] = await Promise.all([text(streams[2] as Readable), once(child, 'exit')]);
  const found = output.trimEnd().split('\n');
  expect(found.pop()).toBe(`TRIED ${probes.length}`);
  return { names: probes.map(({ name }) => name), found };
}

describe('the self-test', () => {
  it('withstands every probe here', async () => {
    expect(await testing(prober)).toBeGreaterThan(20);
  });

  it('has probes that succeed where nothing confines them', async () => {
    const { names, found } = await unconfined();
    const succeeded = found.map((line) => line.split(': ')[0] ?? '');
    // Only some containers have a writable key, and a readable memory of the kernel; of pid 1 there is nothing here.
    const mayFail = [
      'press a system request key',
      'read memory of the kernel',
      'read the environment of what started it',
      'read the arguments of what started it',
      ...(process.getuid?.() === 0 ? [] : ['write to its own programs', 'write to /proc/sys']),
      ...(process.getuid?.() === 0 ? [] : ['make namespaces or mounts by a program']),
    ];
    expect(names.filter((name) => !succeeded.includes(name) && !mayFail.includes(name))).toEqual(
      [],
    );
  });

  it('names what a function could do, and what shows it', async () => {
    const loose = { ...prober, environment: { OF_THE_PLATFORM: '1' } };
    await expect(testing(loose)).rejects.toMatchObject({
      code: 'sandbox-failed',
      message: expect.stringContaining(
        'a function can see variables of the platform: OF_THE_PLATFORM',
      ) as string,
    });
    const files = { ...prober.files, '/etc/passwd': '/etc/passwd' };
    await expect(testing({ ...prober, files })).rejects.toThrow(
      'a function can see files of the machine: /etc/passwd',
    );
  });

  it('fails where the filter of system calls is another than ours', async () => {
    const policy = { decisions: new Map<string, number>(), otherwise: ALLOW };
    const architecture = ARCHITECTURES[process.arch] as Architecture;
    const loose = await openSandboxLab({ filter: compileFilter(architecture, policy) });
    const test = testSandbox(loose.sandboxes, { name: randomName(12), prober });
    await expect(test).rejects.toThrow(
      'a function can make a system call that the filter refuses: ended with 14',
    );
    await loose.close();
  });

  it('fails when the prober ends early', async () => {
    const silent = { ...prober, command: [prober.command[0] ?? '', '-e', ''] };
    await expect(testing(silent)).rejects.toThrow('the self-test said nothing');
  });

  it('fails when a sandbox does not come to an end', async () => {
    const stuck = await lab.program('for (;;);');
    await expect(testing(stuck, 1_000)).rejects.toMatchObject({
      code: 'sandbox-failed',
      message: expect.stringContaining('has not ended after 1 s') as string,
    });
  });
});
