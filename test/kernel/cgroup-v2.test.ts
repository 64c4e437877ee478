/** Version 2 of cgroups as a kernel has it: what test/sandbox/cgroups.test.ts shows on an imitation. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openSandboxLab, type SandboxLab } from '../support/sandbox.ts';

const ROOT = '/sys/fs/cgroup';
const USER = 1_500;
const HOLDS = { memory: true, swap: true, pids: true, cpuShare: true, cpuQuota: true };

describe('a sandbox under a real version 2', () => {
  let lab: SandboxLab;
  beforeAll(async () => {
    lab = await openSandboxLab();
  });
  afterAll(() => lab.close());

  /** The only sandbox's folder. */
  function folder(): string {
    expect(readFileSync('/proc/self/cgroup', 'utf8')).toBe('0::/\n');
    return `${ROOT}/${lab.base}/sandboxes/${lab.names().at(-1)}`;
  }

  it('has each limit as it was set', async () => {
    expect(lab.cgroups.version).toBe('v2');
    expect(lab.cgroups.holds).toMatchObject(HOLDS);
    const limits = { memoryMib: 128, maxTasks: 40, cpuWeight: 10, cpuCores: 1.5 };
    const sandbox = await lab.start('setInterval(() => {}, 1000)', limits);
    const read = (name: string) => readFileSync(`${folder()}/${name}`, 'utf8').trim();
    expect({
      memory: read('memory.max'),
      swap: read('memory.swap.max'),
      group: read('memory.oom.group'),
      tasks: read('pids.max'),
      weight: read('cpu.weight'),
      quota: read('cpu.max'),
    }).toEqual({
      memory: String(128 << 20),
      swap: '0',
      group: '1',
      tasks: '40',
      weight: '10',
      quota: '150000 100000',
    });
    sandbox.boot();
    await eventually(() => expect(read('cgroup.procs').split('\n').length).toBeGreaterThan(1));
    sandbox.processor.setWeight(0.2);
    expect(read('cpu.weight')).toBe('1');
    const path = folder();
    sandbox.kill();
    await sandbox.released;
    expect(existsSync(path)).toBe(false);
  });

  it('may start so many processes, and no more', async () => {
    const { stderrTail } = await lab.run(
      `import { spawn } from 'node:child_process';
       import fs from 'node:fs';
       const ends = await Promise.all(Array.from({ length: 60 }, () => new Promise((done) => {
         const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 3000)'], { stdio: 'ignore' });
         child.on('error', (error) => done(error.code));
         child.on('spawn', () => done('started'));
       })));
       fs.writeSync(2, [...new Set(ends)].join());
       process.exit(0);`,
      { maxTasks: 32, memoryMib: 512 },
    );
    expect(stderrTail).toContain('EAGAIN');
  });

  it('gets its share of the processor and no more', async () => {
    const sandbox = await lab.start('for (;;);', { cpuCores: 0.2 });
    sandbox.boot();
    const stat = () => readFileSync(`${folder()}/cpu.stat`, 'utf8');
    await eventually(() => {
      expect(Number(/^nr_throttled (\d+)$/m.exec(stat())?.[1])).toBeGreaterThan(5);
    });
    sandbox.kill();
    await sandbox.released;
  });
});

/** A service's own cgroup, handed over as systemd does with Delegate=yes (systemd.resource-control(5)). */
function delegate(name: string): string {
  const unit = join(ROOT, name);
  mkdirSync(unit);
  writeFileSync(`${ROOT}/cgroup.subtree_control`, '+cpu +memory +pids');
  for (const file of ['', '/cgroup.procs', '/cgroup.subtree_control', '/cgroup.threads']) {
    chownSync(unit + file, USER, USER);
  }
  return unit;
}

/** Runs as that user in that cgroup; gives what it prints. */
async function asUserIn(unit: string, code: string, before = ''): Promise<string> {
  const enter = `echo $$ > ${unit}/cgroup.procs; ${before} exec "$@"`;
  const user = ['--reuid', String(USER), '--regid', String(USER), '--clear-groups', '--'];
  const node = [process.execPath, '--input-type=module', '-e', code];
  const child = spawn('sh', ['-c', enter, 'sh', 'setpriv', ...user, ...node], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await once(child, 'close');
  return printed;
}

const DETECT = `
  import { spawn } from 'node:child_process';
  import { once } from 'node:events';
  import fs from 'node:fs';
  import { detectCgroups } from ${JSON.stringify(resolve('src/sandbox/detect-cgroups.ts'))};
  const driver = detectCgroups('gitfn-test');
  const own = fs.readFileSync('/proc/self/cgroup', 'utf8').trim();
  const slot = driver.create('slot', { memoryMib: 64, maxTasks: 8, tmpMib: 1, cpuWeight: 50, cpuCores: 1 });
  const limit = slot.procsFiles.map((file) => fs.readFileSync(file.replace('cgroup.procs', 'memory.max'), 'utf8').trim());
  // As the platform's own processes are placed, which have ended when it closes.
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  driver.place(child.pid, 'door');
  const door = fs.readFileSync('/proc/' + child.pid + '/cgroup', 'utf8').trim();
  child.kill();
  await once(child, 'exit');
  const removed = await slot.remove();
  await driver.close();
  console.log(JSON.stringify({ version: driver.version, holds: driver.holds, own, limit, door, removed }));`;

describe('an ordinary user’s part of a real version 2', () => {
  it('is used, its own process moved aside for it', async () => {
    const unit = delegate('delegated.service');
    const seen = JSON.parse(await asUserIn(unit, DETECT)) as Record<string, unknown>;
    expect(seen).toEqual({
      version: 'v2',
      holds: expect.objectContaining(HOLDS),
      own: '0::/delegated.service/gitfn-supervisor',
      limit: [String(64 << 20)],
      door: '0::/delegated.service/gitfn-test/door',
      removed: true,
    });
    expect(existsSync(`${unit}/gitfn-test`)).toBe(false);
  });

  it('is left as it was where others are in it that cannot be moved', async () => {
    const unit = delegate('shared.service');
    const seen = JSON.parse(await asUserIn(unit, DETECT, 'sleep 30 >/dev/null &')) as Record<
      string,
      unknown
    >;
    expect(seen).toMatchObject({ version: 'none', own: '0::/shared.service', limit: [] });
    expect(existsSync(`${unit}/gitfn-supervisor`)).toBe(false);
    writeFileSync(`${unit}/cgroup.kill`, '1');
    await eventually(() => rmdirSync(unit));
  });

  it('is not taken where nothing was handed over', async () => {
    const unit = join(ROOT, 'plain.service');
    mkdirSync(unit);
    const seen = JSON.parse(await asUserIn(unit, DETECT)) as Record<string, unknown>;
    expect(seen).toMatchObject({ version: 'none', own: '0::/plain.service' });
  });
});
