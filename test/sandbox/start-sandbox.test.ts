import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ownCgroupPath, parseCgroupMounts } from '../../src/sandbox/detect-cgroups.ts';
import { randomName } from '../../src/std/ids.ts';
import { eventually } from '../support/eventually.ts';
import { descendantsOf } from '../support/processes.ts';
import { FIRST_TEST_UID, openSandboxLab, type SandboxLab } from '../support/sandbox.ts';

let lab: SandboxLab;
beforeAll(async () => {
  lab = await openSandboxLab();
});
afterAll(() => lab.close());

/** The cgroup of version 2 that freezes a sandbox; null where none does. */
function freezerOf(name: string): string | null {
  const mounts = parseCgroupMounts(readFileSync('/proc/self/mounts', 'utf8'));
  const mount = mounts.find(({ type }) => type === 'cgroup2');
  if (mount === undefined) return null;
  const own = ownCgroupPath(readFileSync('/proc/self/cgroup', 'utf8'), '');
  const places = ['', own].flatMap((path) => [
    `${mount.path}${path}/${lab.base}/${name}`,
    `${mount.path}${path}/${lab.base}/sandboxes/${name}`,
  ]);
  return places.find((place) => existsSync(`${place}/cgroup.freeze`)) ?? null;
}

function isFrozen(name: string): boolean {
  return readFileSync(`${freezerOf(name)}/cgroup.events`, 'utf8').includes('frozen 1');
}

/** Evaluates an expression inside; it may use `fs`, `os` and `net`. */
async function evaluate(expression: string): Promise<unknown> {
  const { stderrTail } = await lab.run(`
    import fs from 'node:fs'; import os from 'node:os'; import net from 'node:net';
    import { spawnSync } from 'node:child_process';
    const attempt = (f) => { try { f(); return 'done'; } catch (e) { return e.code ?? e.message; } };
    fs.writeSync(2, JSON.stringify(await (${expression})));
  `);
  return JSON.parse(stderrTail);
}

describe('what a sandboxed program sees', () => {
  it('has no environment, and neither has the process that started it', async () => {
    const seen = await evaluate(
      `({ own: process.env, first: fs.readFileSync('/proc/1/environ', 'utf8') })`,
    );
    // bubblewrap sets PWD for what it starts.
    expect(seen).toEqual({ own: { PWD: '/' }, first: '' });
  });

  it('finds only the files of its program', async () => {
    expect(await evaluate(`fs.readdirSync('/')`)).toEqual(
      expect.arrayContaining(['dev', 'proc', 'runner.mjs', 'tmp', 'usr']),
    );
    expect(await evaluate(`fs.readdirSync('/usr/bin')`)).toEqual(['node']);
    const absent = ['/etc/passwd', '/home', '/root', '/run', '/sys', '/var', '/work', '/bin/sh'];
    expect(
      await evaluate(`${JSON.stringify(absent)}.filter((path) => fs.existsSync(path))`),
    ).toEqual([]);
  });

  it('writes nowhere but in /tmp and /dev/shm', async () => {
    const paths = [
      '/x',
      '/usr/x',
      '/dev/x',
      '/runner.mjs',
      '/proc/sys/kernel/core_pattern',
      '/tmp/x',
      '/dev/shm/x',
    ];
    expect(
      await evaluate(
        `${JSON.stringify(paths)}.map((p) => attempt(() => fs.writeFileSync(p, '1')))`,
      ),
    ).toEqual(['EROFS', 'EROFS', 'EROFS', 'EROFS', 'EROFS', 'done', 'done']);
  });

  it('meets the end of a full /tmp at its size', async () => {
    expect(
      await evaluate(
        `attempt(() => { for (;;) fs.appendFileSync('/tmp/x', Buffer.alloc(1 << 20)); })`,
      ),
    ).toBe('ENOSPC');
  });

  it('has no network', async () => {
    expect(
      await evaluate(`Object.values(os.networkInterfaces()).flat().filter((i) => !i.internal)`),
    ).toEqual([]);
    expect(
      await evaluate(
        `new Promise((resolve) => net.connect(53, '1.1.1.1').on('error', (e) => resolve(e.code)))`,
      ),
    ).toBe('ENETUNREACH');
  });

  it('sees no process but its own, and reaches none', async () => {
    const pids = (await evaluate(
      `fs.readdirSync('/proc').filter((n) => /^[0-9]+$/.test(n))`,
    )) as string[];
    expect(pids.length).toBeLessThanOrEqual(2);
    expect(await evaluate(`attempt(() => process.kill(1, 'SIGKILL'))`)).not.toBe('ESRCH');
  });

  it('holds no capability and cannot gain one', async () => {
    const status = (await evaluate(`fs.readFileSync('/proc/self/status', 'utf8')`)) as string;
    expect(status).toMatch(/CapEff:\s+0+\n/);
    expect(status).toMatch(/CapBnd:\s+0+\n/);
    expect(status).toMatch(/NoNewPrivs:\s+1\n/);
  });

  it('inherits the socket and the environment pipe, and no other descriptor of the platform', async () => {
    const targets = (await evaluate(
      `fs.readdirSync('/proc/self/fd').map((fd) => fd + ' ' + (attempt(() => fs.readlinkSync('/proc/self/fd/' + fd)) === 'done' ? fs.readlinkSync('/proc/self/fd/' + fd).split(':')[0] : ''))`,
    )) as string[];
    const sockets = targets
      .filter((target) => target.endsWith('socket'))
      .map((t) => Number(t.split(' ')[0]));
    // 2 is standard error.
    expect(sockets).toEqual([2, 5, 6]);
  });
});

describe('the uid', () => {
  it.runIf(process.getuid?.() === 0)(
    'is an unprivileged one of its own in the kernel',
    async () => {
      const code = `
      import net from 'node:net';
      new net.Socket({ fd: 5 }).write('up');
      setInterval(() => {}, 1000);
    `;
      for (const sandbox of [await lab.start(code), await lab.start(code)]) {
        sandbox.boot();
        await once(sandbox.socket, 'data');
      }
      const uids = new Set(kernelUids());
      expect(uids.size).toBe(2);
      expect(Math.min(...uids)).toBeGreaterThanOrEqual(FIRST_TEST_UID);
    },
  );
});

/** Real uids, as the host sees them, of the programs that this test started. */
function kernelUids(): number[] {
  return descendantsOf(process.pid)
    .filter(({ commandLine }) => commandLine === '/usr/bin/node /runner.mjs')
    .map(({ uid }) => uid);
}

function readProcFile(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return ''; // It has ended.
  }
}

describe('life of a sandbox', () => {
  it('starts nothing before it is booted', async () => {
    const sandbox = await lab.start(`
      import net from 'node:net';
      new net.Socket({ fd: 5 }).write('hello');
    `);
    sandbox.boot();
    const [data] = (await once(sandbox.socket, 'data')) as [Buffer];
    expect(String(data)).toBe('hello');
  });

  it('gives the environment down a pipe of its own', async () => {
    const sandbox = await lab.start(`
      import fs from 'node:fs';
      fs.writeSync(2, JSON.parse(fs.readFileSync(6, 'utf8')).values.SECRET);
    `);
    sandbox.boot();
    sandbox.giveEnvironment({ values: { SECRET: 'pipe-only' }, secretNames: [] });
    const { stderrTail, code } = await sandbox.exited;
    expect({ stderrTail, code }).toEqual({ stderrTail: 'pipe-only', code: 0 });
  });

  it('tells the exit code', async () => {
    expect((await lab.run('process.exit(7)')).code).toBe(7);
  });

  it('keeps the last 4 KiB of standard error', async () => {
    const { stderrTail } = await lab.run(`
      import fs from 'node:fs';
      fs.writeSync(2, 'a'.repeat(50_000)); fs.writeSync(2, 'the end');
    `);
    expect(stderrTail).toHaveLength(4096);
    expect(stderrTail.endsWith('the end')).toBe(true);
  });

  it('is killed with everything that it started', async () => {
    const sandbox = await lab.start(`
      import { spawn } from 'node:child_process'; import net from 'node:net';
      for (let i = 0; i < 3; i += 1) {
        spawn('/usr/bin/node', ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
      }
      new net.Socket({ fd: 5 }).write('up');
      setInterval(() => {}, 1000);
    `);
    sandbox.boot();
    await once(sandbox.socket, 'data');
    sandbox.kill();
    expect((await sandbox.exited).wasOutOfMemory).toBe(false);
    await sandbox.released;
  });

  it('leaves no process behind, dead or alive, when it is killed', async () => {
    const sandbox = await lab.start(`
      import net from 'node:net';
      new net.Socket({ fd: 5 }).write('up');
      setInterval(() => {}, 1000);
    `);
    sandbox.boot();
    await once(sandbox.socket, 'data');
    const inside = childrenOf(childrenOf(process.pid).at(-1) ?? 0)[0] ?? 0;
    expect(readProcFile(String(inside), 'status')).toMatch(/^NSpid:\t\d+\t1$/m);
    sandbox.kill();
    expect(await sandbox.exited).toMatchObject({ code: null, signal: 'SIGKILL' });
    expect(readProcFile(String(inside), 'status')).toBe('');
    await sandbox.released;
  });

  it('is killed as well before it was booted', async () => {
    const sandbox = await lab.start('');
    sandbox.kill();
    expect(await sandbox.exited).toMatchObject({ code: null, signal: 'SIGKILL' });
    await sandbox.released;
  });

  it('is killed while it floods its standard error', async () => {
    const sandbox = await lab.start(`
      import fs from 'node:fs'; import net from 'node:net';
      new net.Socket({ fd: 5 }).write('up');
      setImmediate(() => { for (;;) fs.writeSync(2, 'x'.repeat(65_536)); });
    `);
    sandbox.boot();
    await once(sandbox.socket, 'data');
    sandbox.kill();
    expect((await sandbox.exited).signal).toBe('SIGKILL');
    await sandbox.released;
  });
});

function childrenOf(pid: number): number[] {
  const children = readProcFile(`${pid}/task/${pid}`, 'children');
  return children.split(' ').filter(Boolean).map(Number);
}

describe('limits', () => {
  const hasCgroups = () => lab.cgroups.version !== 'none';

  it('attributes a kill for memory to the kernel', async ({ skip }) => {
    if (!hasCgroups()) skip('no cgroups here');
    const exit = await lab.run(`const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1));`, {
      memoryMib: 96,
    });
    expect(exit.wasOutOfMemory).toBe(true);
  });

  it('does not call another end out of memory', async () => {
    expect((await lab.run('process.abort()')).wasOutOfMemory).toBe(false);
  });

  it('yields, and has its weight again afterwards, whatever was set meanwhile', async ({
    skip,
  }) => {
    if (!lab.cgroups.holds.cpuYield) skip('the kernel cannot have a cgroup yield');
    const limits = { memoryMib: 64, maxTasks: 8, tmpMib: 1, cpuWeight: 100, cpuCores: 1 };
    const group = lab.cgroups.create(`yields-${randomName(6)}`, limits);
    onTestFinished(async () => void (await group.remove()));
    const cpu = group.procsFiles
      .map((file) => dirname(file))
      .find((folder) => existsSync(`${folder}/cpu.idle`));
    const read = (name: string): number => Number(readFileSync(`${cpu}/${name}`, 'utf8'));
    const weight = (): number =>
      lab.cgroups.version === 'v1' ? read('cpu.shares') / 1024 : read('cpu.weight') / 100;
    group.processor.setYielding(true);
    expect(read('cpu.idle')).toBe(1);
    group.processor.setWeight(50);
    group.processor.setYielding(false);
    expect([read('cpu.idle'), weight()]).toEqual([0, 0.5]);
    expect(group.processor.usedUs()).toBe(0);
  });

  it('takes its part of a level that it is moved into, under its own quota, and the level goes with the last', async ({
    skip,
  }) => {
    const level = lab.cgroups.openLevel();
    if (level === null) {
      skip('sandboxes stay where they are here');
      return;
    }
    const limits = { memoryMib: 64, maxTasks: 8, tmpMib: 1, cpuWeight: 25, cpuCores: 1 };
    const groups = ['a', 'b'].map((name) => lab.cgroups.create(`${name}-${randomName(6)}`, limits));
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    for (const file of groups[0]?.procsFiles ?? []) writeFileSync(file, String(child.pid));
    for (const { processor } of groups) await processor.moveInto(level);
    const [at = ''] = groups.map(({ processor }) => processor.folder);
    const read = (file: string): string => readFileSync(file, 'utf8').trim();
    expect(dirname(at)).toBe(level.folder);
    expect(read(`${at}/cgroup.procs`)).toBe(String(child.pid));
    expect(Number(read(`${at}/cpu.shares`)), 'as much as the others in there').toBe(1024);
    if (lab.cgroups.holds.cpuQuota) expect(Number(read(`${at}/cpu.cfs_quota_us`))).toBe(100_000);
    level.setYielding(true);
    expect(read(`${level.folder}/cpu.idle`)).toBe('1');
    child.kill('SIGKILL');
    expect(await groups[0]?.remove()).toBe(true);
    expect([existsSync(at), existsSync(level.folder)]).toEqual([false, true]);
    expect(await groups[1]?.remove()).toBe(true);
    expect(existsSync(level.folder)).toBe(false);
    const late = lab.cgroups.create(`late-${randomName(6)}`, limits);
    await late.processor.moveInto(level);
    expect(read(`${level.folder}/cpu.idle`), 'a level that is made anew yields as before').toBe(
      '1',
    );
    expect(await late.remove()).toBe(true);
  });

  it('caps the number of processes', async ({ skip }) => {
    if (!hasCgroups()) skip('no cgroups here');
    const { stderrTail } = await lab.run(
      `
      import { spawn } from 'node:child_process'; import fs from 'node:fs';
      let failed = 0;
      for (let i = 0; i < 40; i += 1) {
        spawn('/usr/bin/node', ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
          .on('error', (error) => { failed += 1; if (failed === 1) { fs.writeSync(2, error.code); process.exit(); } });
      }
      `,
      { maxTasks: 32, memoryMib: 512 },
    );
    expect(stderrTail).toContain('EAGAIN');
  });
});

describe('a frozen sandbox', () => {
  /** Sends a byte now and then. */
  const TICKS = `
    import net from 'node:net';
    const socket = new net.Socket({ fd: 5 });
    setInterval(() => socket.write('x'), 5);
  `;

  async function startTicking() {
    const sandbox = await lab.start(TICKS);
    let bytes = 0;
    sandbox.socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    sandbox.boot();
    await eventually(() => bytes > 0);
    return { sandbox, bytes: () => bytes };
  }

  it('takes no processor until it is thawed', async ({ skip }) => {
    const { sandbox, bytes } = await startTicking();
    const name = lab.names().at(-1) ?? '';
    if (freezerOf(name) === null) skip('nothing freezes here');
    sandbox.freeze();
    await eventually(() => isFrozen(name));
    const before = sandbox.processor.usedUs();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(sandbox.processor.usedUs()).toBe(before);
    const sent = bytes();
    sandbox.thaw();
    await eventually(() => bytes() > sent);
    sandbox.kill();
    await sandbox.exited;
  });

  it('ends when it is killed', async ({ skip }) => {
    const { sandbox } = await startTicking();
    const name = lab.names().at(-1) ?? '';
    if (freezerOf(name) === null) skip('nothing freezes here');
    sandbox.freeze();
    await eventually(() => isFrozen(name));
    sandbox.kill();
    expect(await sandbox.exited).toMatchObject({ signal: 'SIGKILL' });
    await sandbox.released;
    sandbox.freeze();
    sandbox.thaw();
  });
});
