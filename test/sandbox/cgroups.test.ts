import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { memoryOfAllSandboxes, noCgroups, readCounter } from '../../src/sandbox/cgroup.ts';
import { createCgroupV1 } from '../../src/sandbox/cgroup-v1.ts';
import { createCgroupV2 } from '../../src/sandbox/cgroup-v2.ts';
import {
  detectCgroups,
  ownCgroupPath,
  parseCgroupMounts,
} from '../../src/sandbox/detect-cgroups.ts';

/** What the kernel would show; real cgroups are used by the tests of whole sandboxes. */
async function hierarchy(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-cgroup-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Where sandboxes stand, with the files that a kernel would make there. */
async function sandboxesOf(base: string, controllers: string): Promise<string> {
  const folder = join(base, 'sandboxes');
  await mkdir(folder);
  await writeFile(join(folder, 'cgroup.controllers'), `${controllers}\n`);
  return folder;
}

const LIMITS = { memoryMib: 128, maxTasks: 64, tmpMib: 16, cpuWeight: 10, cpuCores: 1.5 };

describe('version 2', () => {
  it('writes the limits, and lets out-of-memory end the sandbox as a whole', async () => {
    const base = join(await hierarchy(), 'gitfn');
    await mkdir(base);
    await writeFile(join(base, 'cgroup.controllers'), 'cpuset cpu io memory pids\n');
    const all = await sandboxesOf(base, 'cpu memory pids');
    for (const name of ['memory.swap.max', 'cpu.max', 'cpu.idle']) {
      await writeFile(join(all, name), '0');
    }
    const driver = createCgroupV2(base);
    expect(Object.values(driver.holds)).toEqual([true, true, true, true, true, true]);
    const cgroup = driver.create('slot', LIMITS);
    for (const folder of [base, all]) {
      expect(await readFile(join(folder, 'cgroup.subtree_control'), 'utf8')).toBe(
        '+memory +pids +cpu',
      );
    }
    expect(Number(await readFile(join(all, 'memory.max'), 'utf8'))).toBeLessThan(totalmem());
    const read = (name: string) => readFile(join(all, 'slot', name), 'utf8');
    expect(await read('memory.max')).toBe('134217728');
    expect(await read('memory.oom.group')).toBe('1');
    expect(await read('memory.swap.max')).toBe('0');
    expect(await read('pids.max')).toBe('64');
    expect(await read('cpu.weight')).toBe('10');
    expect(await read('cpu.max')).toBe('150000 100000');
    cgroup.processor.setWeight(0.2);
    expect(await read('cpu.weight')).toBe('1');
    expect(cgroup.procsFiles).toEqual([join(all, 'slot/cgroup.procs')]);
    await writeFile(join(all, 'slot/cpu.stat'), 'usage_usec 1500\nuser_usec 1000\n');
    expect(cgroup.processor.usedUs()).toBe(1_500);
    driver.place(17, 'door');
    expect(await readFile(join(base, 'door/cgroup.procs'), 'utf8')).toBe('17');
  });

  it('attributes by the kernel own counter', async () => {
    const base = join(await hierarchy(), 'gitfn');
    await mkdir(base);
    await writeFile(join(base, 'cgroup.controllers'), 'memory pids\n');
    const all = await sandboxesOf(base, 'memory pids');
    const cgroup = createCgroupV2(base).create('slot', LIMITS);
    const events = join(all, 'slot/memory.events');
    await writeFile(events, 'low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\noom_group_kill 0\n');
    expect(cgroup.wasOutOfMemory()).toBe(false);
    await writeFile(events, 'low 0\nhigh 0\nmax 9\noom 1\noom_kill 3\noom_group_kill 1\n');
    expect(cgroup.wasOutOfMemory()).toBe(true);
    await writeFile(events, 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\noom_group_kill 0\n');
    expect(cgroup.wasOutOfMemory(), 'the machine was out of memory, not it').toBe(false);
  });

  it('does without what the kernel was not built with', async () => {
    const base = join(await hierarchy(), 'gitfn');
    await mkdir(base);
    await writeFile(join(base, 'cgroup.controllers'), 'memory pids\n');
    const all = await sandboxesOf(base, 'memory pids');
    const driver = createCgroupV2(base);
    expect(driver.holds).toMatchObject({ memory: true, swap: false, cpuShare: false });
    driver.create('slot', LIMITS).processor.setWeight(50);
    expect((await readdir(join(all, 'slot'))).sort()).toEqual([
      'memory.max',
      'memory.oom.group',
      'pids.max',
    ]);
  });

  it('counts as working set what it cannot drop at once', async () => {
    const base = join(await hierarchy(), 'gitfn');
    await mkdir(base);
    await writeFile(join(base, 'cgroup.controllers'), 'memory pids\n');
    const all = await sandboxesOf(base, 'memory pids');
    const cgroup = createCgroupV2(base).create('slot', LIMITS);
    await writeFile(join(all, 'slot/memory.current'), '1000\n');
    await writeFile(join(all, 'slot/memory.stat'), 'anon 600\ninactive_file 300\n');
    expect(cgroup.workingSetBytes(900)).toBe(700);
    expect(cgroup.workingSetBytes(2_000)).toBe(1_000);
  });
});

describe('version 1', () => {
  it('writes the limits into each hierarchy', async () => {
    const root = await hierarchy();
    const cpu = join(root, 'c');
    const hierarchies = { memory: join(root, 'm'), pids: join(root, 'p'), cpu, cpuacct: cpu };
    for (const folder of new Set(Object.values(hierarchies))) await mkdir(folder);
    const folders = { ...hierarchies, unified: null };
    await writeFile(join(folders.memory, 'memory.memsw.limit_in_bytes'), '');
    await writeFile(join(folders.cpu, 'cpu.cfs_quota_us'), '-1');
    const cgroup = createCgroupV1(folders).create('slot', LIMITS);
    const read = (path: string) => readFile(join(root, path), 'utf8');
    expect(await read('m/slot/memory.limit_in_bytes')).toBe('134217728');
    expect(await read('p/slot/pids.max')).toBe('64');
    expect(await read('c/slot/cpu.shares')).toBe('102');
    expect(await read('c/slot/cpu.cfs_quota_us')).toBe('150000');
    expect(await read('m/slot/memory.memsw.limit_in_bytes')).toBe('134217728');
    cgroup.processor.setWeight(0.1);
    expect(await read('c/slot/cpu.shares')).toBe('2');
    expect(cgroup.procsFiles).toHaveLength(3);
  });

  it('counts the processor where that has a hierarchy of its own', async () => {
    const root = await hierarchy();
    const at = (name: string): string => join(root, name);
    const folders = {
      memory: at('m'),
      pids: at('p'),
      cpu: at('c'),
      cpuacct: at('a'),
      unified: null,
    };
    const driver = createCgroupV1(folders);
    const { processor, procsFiles } = driver.create('slot', LIMITS);
    expect(procsFiles).toHaveLength(4);
    await writeFile(at('a/slot/cpuacct.usage'), '2000000\n');
    expect(processor.usedUs()).toBe(2_000);
    for (const [part, ns] of [
      ['.', 9_000_000],
      ['door', 3_000_000],
      ['office', 1_000_000],
    ]) {
      // prettier-ignore
      await writeFile(at(`a/${part}/cpuacct.usage`), `${ns}\n`);
    }
    expect(driver.sandboxes.usedUs()).toBe(5_000);
    driver.place(17, 'office');
    for (const place of ['c/office/cgroup.procs', 'a/office/cgroup.procs']) {
      expect(await readFile(at(place), 'utf8')).toBe('17');
    }
    await writeFile(at('c/door/cgroup.procs'), '18\n');
    await driver.close().catch(() => {}); // In files of its own, unlike a kernel's, no folder is empty.
    expect(await readFile(at('cgroup.procs'), 'utf8'), 'whoever stays has moved out').toBe('18');
  });

  it('has who yields take its weight again afterwards, which the kernel forgets', async () => {
    const root = await hierarchy();
    const at = (name: string): string => join(root, name);
    const folders = {
      memory: at('m'),
      pids: at('p'),
      cpu: at('c'),
      cpuacct: at('c'),
      unified: null,
    };
    const { processor } = createCgroupV1(folders).create('slot', LIMITS);
    const read = (name: string) => readFile(at(`c/slot/${name}`), 'utf8');
    processor.setYielding(true);
    await expect(read('cpu.idle'), 'an old kernel').rejects.toThrow('ENOENT');
    await writeFile(at('c/slot/cpu.idle'), '0');
    processor.setYielding(true);
    expect(await read('cpu.idle')).toBe('1');
    processor.setWeight(50);
    expect(await read('cpu.shares'), 'none is taken while it yields').toBe('102');
    processor.setYielding(false);
    expect([await read('cpu.idle'), await read('cpu.shares')]).toEqual(['0', '512']);
  });

  it('removes what a killed supervisor left', async () => {
    const root = await hierarchy();
    await mkdir(join(root, 'm/slot-old'), { recursive: true });
    createCgroupV1({
      memory: join(root, 'm'),
      pids: join(root, 'p'),
      cpu: null,
      cpuacct: null,
      unified: null,
    });
    expect(await readdir(join(root, 'm'))).toEqual(['memory.limit_in_bytes']);
  });
});

/** /proc/self of a process in `/user.slice/fn.service` of a hierarchy that holds `files`. */
async function serviceUnit(files: Record<string, string>): Promise<{ proc: string; own: string }> {
  const root = await hierarchy();
  const own = join(root, 'cgroup/user.slice/fn.service');
  await mkdir(own, { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(own, name), content);
  await mkdir(join(root, 'proc'));
  await writeFile(join(root, 'proc/mounts'), `cgroup2 ${root}/cgroup cgroup2 rw 0 0\n`);
  await writeFile(join(root, 'proc/cgroup'), '0::/user.slice/fn.service\n');
  return { proc: join(root, 'proc'), own };
}

it('leaves memory to the platform, on small machines too', () => {
  const gib = 1024 ** 3;
  expect(memoryOfAllSandboxes(16 * gib)).toBe(14 * gib);
  expect(memoryOfAllSandboxes(2 * gib)).toBe(1.5 * gib);
  expect(memoryOfAllSandboxes(0.5 * gib)).toBe(0.125 * gib);
});

describe('finding out what is there', () => {
  it('takes the part of version 2 that a service manager has handed over', async () => {
    const { proc, own } = await serviceUnit({
      'cgroup.controllers': 'cpu memory pids\n',
      'cgroup.subtree_control': '',
    });
    await mkdir(join(own, 'gitfn-1'));
    await writeFile(join(own, 'gitfn-1/cgroup.controllers'), 'cpu memory pids\n');
    await sandboxesOf(join(own, 'gitfn-1'), 'cpu memory pids');
    const driver = detectCgroups('gitfn-1', proc);
    expect(driver.version).toBe('v2');
    expect(await readFile(join(own, 'cgroup.subtree_control'), 'utf8')).toBe('+memory +pids +cpu');
    expect(driver.create('slot', LIMITS).procsFiles).toEqual([
      join(own, 'gitfn-1/sandboxes/slot/cgroup.procs'),
    ]);
  });

  it('makes none where nothing was handed over', async () => {
    const { proc } = await serviceUnit({ 'cgroup.controllers': 'cpu\n' });
    expect(detectCgroups('gitfn-1', proc)).toBe(noCgroups);
  });

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
