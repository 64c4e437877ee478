import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sandbox, SandboxLimits } from '../../src/sandbox/index.ts';
import { eventually } from '../support/eventually.ts';
import { descendantsOf } from '../support/processes.ts';
import { openSandboxLab, type SandboxLab } from '../support/sandbox.ts';

/** What hungry programs get, as they count it themselves and as the kernel does outside: never by the clock. (S10, S14) */
let lab: SandboxLab;
beforeAll(async () => {
  lab = await openSandboxLab();
});
afterAll(() => lab.close());

const SPINNERS = 3;
/** The kernel counts a quota in spans of this length. */
const PERIOD_MS = 100;
const TICK_MS = 10;
const DEADLINE_MS = 120_000;

/** Spins in several threads; tells, when it is asked, what processor time it has had. */
const SPINS = `
  import net from 'node:net'; import { Worker } from 'node:worker_threads';
  const socket = new net.Socket({ fd: 5 });
  for (let i = 0; i < ${SPINNERS}; i++) new Worker('for (;;);', { eval: true });
  socket.on('data', () => { const { user, system } = process.cpuUsage(); socket.write(String((user + system) / 1000)); });
  socket.write('here');`;

interface Running {
  sandbox: Sandbox;
  /** Outside. */
  pid: number;
}

async function start(code: string, limits: Partial<SandboxLimits>): Promise<Running> {
  const before = new Set(programs());
  const sandbox = await lab.start(code, limits);
  sandbox.boot();
  await once(sandbox.socket, 'data');
  const pid = programs().find((found) => !before.has(found)) ?? 0;
  return { sandbox, pid };
}

function programs(): number[] {
  const all = descendantsOf(process.pid);
  return all
    .filter(({ commandLine }) => commandLine === '/usr/bin/node /runner.mjs')
    .map(({ pid }) => pid);
}

/** Processor time of a process and all its threads (proc_pid_stat(5): utime and stime). */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** A file of the process's cgroup that has this controller. */
function cgroupFile(pid: number, controller: string, name: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  const path = (wanted: string): string | undefined =>
    lines.find((line) => line.split(':')[1]?.split(',').includes(wanted))?.split(':')[2];
  const own = path(controller);
  const folder =
    own === undefined ? `/sys/fs/cgroup${path('')}` : `/sys/fs/cgroup/${controller}${own}`;
  return readFileSync(`${folder}/${name}`, 'utf8');
}

function counter(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? NaN);
}

describe('the kernel', () => {
  it(
    'gives a program that spins in many threads its quota, and no more',
    async ({ skip }) => {
      if (!lab.cgroups.holds.cpuQuota) skip('needs cgroups with a quota of the processor');
      // Less than a busy machine leaves it, so that it is the quota that holds it.
      const cpuCores = 0.1;
      const { sandbox, pid } = await start(SPINS, { cpuCores });
      const periods = (): number => counter(cgroupFile(pid, 'cpu', 'cpu.stat'), 'nr_periods');
      const [fromMs, fromPeriods] = [processorMs(pid), periods()];
      await eventually(() => periods() >= fromPeriods + 30, DEADLINE_MS);
      const allowedMs = (periods() - fromPeriods + 2) * PERIOD_MS * cpuCores;
      expect(processorMs(pid) - fromMs).toBeLessThan(allowedMs * 1.2);
      expect(counter(cgroupFile(pid, 'cpu', 'cpu.stat'), 'nr_throttled')).toBeGreaterThan(5);
      sandbox.socket.write('?');
      const [told] = (await once(sandbox.socket, 'data')) as [Buffer];
      expect(Number(told)).toBeGreaterThan(fromMs);
      expect(Number(told)).toBeLessThan(processorMs(pid) + 5 * TICK_MS);
      sandbox.kill();
      await sandbox.released;
    },
    DEADLINE_MS,
  );

  it(
    'gives several times as much to a sandbox of ten times the weight',
    async ({ skip }) => {
      if (!lab.cgroups.holds.cpuShare) skip('needs cgroups that share the processor out');
      const limits = { cpuCores: SPINNERS };
      const light = await start(SPINS, { ...limits, cpuWeight: 10 });
      const heavy = await start(SPINS, { ...limits, cpuWeight: 100 });
      // Until all its threads spin.
      await eventually(() => processorMs(heavy.pid) > 1_000, DEADLINE_MS);
      const [lightMs, heavyMs] = [processorMs(light.pid), processorMs(heavy.pid)];
      await eventually(() => processorMs(heavy.pid) > heavyMs + 4_000, DEADLINE_MS);
      const shares = (processorMs(heavy.pid) - heavyMs) / (processorMs(light.pid) - lightMs);
      expect(shares).toBeGreaterThan(3);
      for (const { sandbox } of [light, heavy]) sandbox.kill();
      await lab.released();
    },
    DEADLINE_MS,
  );

  it('lets a program that forks without end have its number of processes', async ({ skip }) => {
    if (!lab.cgroups.holds.pids) skip('needs cgroups that count processes');
    const maxTasks = 48;
    const { sandbox, pid } = await start(
      `import net from 'node:net'; import { spawn } from 'node:child_process';
       const socket = new net.Socket({ fd: 5 });
       socket.write('here');
       let made = 0;
       const fork = () => spawn('/usr/bin/node', ['-e', 'setInterval(() => {}, 1e3)'], { stdio: 'ignore' })
         .on('spawn', () => { made += 1; fork(); })
         .on('error', ({ code }) => socket.write(JSON.stringify({ code, made })));
       socket.once('data', fork);`,
      { maxTasks, memoryMib: 1_024 },
    );
    sandbox.socket.write('!');
    const [told] = (await once(sandbox.socket, 'data')) as [Buffer];
    const { code, made } = JSON.parse(String(told)) as { code: string; made: number };
    expect(code).toBe('EAGAIN');
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThan(maxTasks);
    expect(Number(cgroupFile(pid, 'pids', 'pids.current'))).toBeLessThanOrEqual(maxTasks);
    expect(Number(cgroupFile(pid, 'pids', 'pids.max'))).toBe(maxTasks);
    sandbox.kill();
    await sandbox.released;
  });
});
