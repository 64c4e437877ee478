import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readCounter } from '../../src/sandbox/cgroup.ts';
import { createCgroupV1 } from '../../src/sandbox/cgroup-v1.ts';
import { createCgroupV2 } from '../../src/sandbox/cgroup-v2.ts';
import { ownCgroupPath, parseCgroupMounts } from '../../src/sandbox/detect-cgroups.ts';

/** What the kernel would show; real cgroups are used by the tests of whole sandboxes. */
async function hierarchy(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-cgroup-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

const LIMITS = { memoryMib: 128, maxTasks: 64, tmpMib: 16, cpuWeight: 10, cpuCores: 1.5 };

describe('version 2', () => {
  it('writes the limits, and lets out-of-memory end the sandbox as a whole', async () => {
    const base = join(await hierarchy(), 'gitfn');
    await mkdir(base);
    await writeFile(join(base, 'cgroup.controllers'), 'cpuset cpu io memory pids\n');
    const cgroup = createCgroupV2(base).create('slot', LIMITS);
    expect(await readFile(join(base, 'cgroup.subtree_control'), 'utf8')).toBe('+memory +pids +cpu');
    const read = (name: string) => readFile(join(base, 'slot', name), 'utf8');
    expect(await read('memory.max')).toBe('134217728');
    expect(await read('memory.oom.group')).toBe('1');
    expect(await read('pids.max')).toBe('64');
    expect(cgroup.procsFiles).toEqual([join(base, 'slot/cgroup.procs')]);
  });

  it('attributes by the kernel own counter', async () => {
    const base = join(await hierarchy(), 'gitfn');
    await mkdir(base);
    await writeFile(join(base, 'cgroup.controllers'), 'memory pids\n');
    const cgroup = createCgroupV2(base).create('slot', LIMITS);
    const events = join(base, 'slot/memory.events');
    await writeFile(events, 'low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\noom_group_kill 0\n');
    expect(cgroup.wasOutOfMemory()).toBe(false);
    await writeFile(events, 'low 0\nhigh 0\nmax 9\noom 1\noom_kill 3\noom_group_kill 1\n');
    expect(cgroup.wasOutOfMemory()).toBe(true);
  });
});

describe('version 1', () => {
  it('writes the limits into each hierarchy', async () => {
    const root = await hierarchy();
    const folders = { memory: join(root, 'm'), pids: join(root, 'p'), cpu: join(root, 'c') };
    const cgroup = createCgroupV1(folders).create('slot', LIMITS);
    const read = (path: string) => readFile(join(root, path), 'utf8');
    expect(await read('m/slot/memory.limit_in_bytes')).toBe('134217728');
    expect(await read('p/slot/pids.max')).toBe('64');
    expect(await read('c/slot/cpu.shares')).toBe('102');
    expect(cgroup.procsFiles).toHaveLength(3);
  });

  it('removes what a killed supervisor left', async () => {
    const root = await hierarchy();
    await mkdir(join(root, 'm/slot-old'), { recursive: true });
    createCgroupV1({ memory: join(root, 'm'), pids: join(root, 'p'), cpu: null });
    expect(await readdir(join(root, 'm'))).toEqual([]);
  });
});

describe('finding out what is there', () => {
  it('reads the mounts of both versions and nothing else', () => {
    const mounts = [
      '/dev/vda / ext4 rw 0 0',
      'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0',
      'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0',
    ].join('\n');
    expect(parseCgroupMounts(mounts)).toEqual([
      {
        path: '/sys/fs/cgroup/cpu,cpuacct',
        type: 'cgroup',
        options: ['rw', 'relatime', 'cpu', 'cpuacct'],
      },
      { path: '/sys/fs/cgroup/unified', type: 'cgroup2', options: ['rw', 'nsdelegate'] },
    ]);
  });

  it.each([
    ['memory', '/a:b/c'],
    ['cpuacct', '/x'],
    ['pids', ''],
    ['', '/user.slice/u.service'],
  ])('finds the own path for controller %j', (controller, path) => {
    const membership = '4:memory:/a:b/c\n3:pids:/\n2:cpu,cpuacct:/x\n0::/user.slice/u.service\n';
    expect(ownCgroupPath(membership, controller)).toBe(path);
  });

  it('counts a name that is absent as 0', () => {
    expect(readCounter('oom_kill_disable 0\nunder_oom 0\n', 'oom_kill')).toBe(0);
  });
});
