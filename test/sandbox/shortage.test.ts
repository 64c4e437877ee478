import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type CgroupDriver, noCgroups } from '../../src/sandbox/cgroup.ts';
import { bubblewrapEnclosure, createSandboxes } from '../../src/sandbox/index.ts';
import { noProcessorGroup } from '../../src/sandbox/processor-group.ts';

const SPEC = {
  name: 'slot-test',
  program: { command: ['/bin/true'], files: {}, environment: {} },
  limits: { memoryMib: 64, maxTasks: 8, tmpMib: 1, cpuWeight: 100, cpuCores: 1 },
};
const TOOLS = {
  sh: '/bin/sh',
  nsenter: '/bin/false',
  setpriv: '/bin/false',
  prlimit: '/bin/false',
};

/** Counts what was taken and given back. */
function counted(broken: Partial<ReturnType<CgroupDriver['create']>> = {}) {
  const held = { cgroups: 0, uids: 0 };
  const cgroups: CgroupDriver = {
    ...noCgroups,
    version: 'v1',
    create: () => {
      held.cgroups += 1;
      return {
        procsFiles: [],
        wasOutOfMemory: () => false,
        workingSetBytes: () => 0,
        processor: noProcessorGroup(),
        freezer: null,
        kill: () => {},
        remove: () => {
          held.cgroups -= 1;
          return Promise.resolve(true);
        },
        ...broken,
      };
    },
  };
  const slotUids = {
    lease: () => {
      held.uids += 1;
      return 300_000;
    },
    release: () => void (held.uids -= 1),
  };
  const enclosure = bubblewrapEnclosure('/bin/false', Buffer.alloc(0));
  return { held, deps: { cgroups, slotUids, enclosure } };
}

/** Runs where no descriptor is left, then where there are some again. */
const WITHOUT_DESCRIPTORS = `
  import fs from 'node:fs';
  import { bubblewrapEnclosure, createSandboxes } from ${JSON.stringify(resolve('src/sandbox/index.ts'))};
  const given = [];
  const sandboxes = createSandboxes({
    tools: ${JSON.stringify(TOOLS)},
    cgroups: { holds: { memory: true }, create: () => ({
      procsFiles: [], wasOutOfMemory: () => false, workingSetBytes: () => 0, kill: () => {},
      remove: async () => { given.push('cgroup'); return true; },
    }) },
    slotUids: { lease: () => 300000, release: () => given.push('uid') },
    enclosure: bubblewrapEnclosure('/bin/false', Buffer.alloc(0)),
  });
  const start = () => {
    try { return sandboxes.start(${JSON.stringify(SPEC)}); } catch (error) { return error; }
  };
  const taken = [];
  const shortage = () => { try { for (;;) taken.push(fs.openSync('/dev/null')); } catch (e) { return e.code; } };
  const reason = shortage();
  const { code } = start();
  for (const fd of taken) fs.closeSync(fd);
  const afterwards = start();
  afterwards.boot();
  const exit = await afterwards.exited;
  await afterwards.released;
  console.log(JSON.stringify({ reason, code, given, end: exit.code }));
`;

describe('a sandbox that the system does not allow for', () => {
  it('fails by itself when no descriptor is left, and the next one starts', async () => {
    const { stdout } = await promisify(execFile)('prlimit', [
      '--nofile=60',
      process.execPath,
      '--input-type=module',
      '-e',
      WITHOUT_DESCRIPTORS,
    ]);
    expect(JSON.parse(stdout)).toEqual({
      reason: 'EMFILE',
      code: 'sandbox-failed',
      given: ['cgroup', 'uid', 'cgroup', 'uid'],
      end: 1,
    });
  });

  it('gives its uid and its cgroup back when no process could be made', async () => {
    const { held, deps } = counted();
    const sandboxes = createSandboxes({ ...deps, tools: { ...TOOLS, sh: '/nonexistent/sh' } });
    expect(() => sandboxes.start(SPEC)).toThrow(
      expect.objectContaining({ code: 'sandbox-failed' }) as Error,
    );
    await Promise.resolve();
    await Promise.resolve();
    expect(held).toEqual({ cgroups: 0, uids: 0 });
  });

  it('tells its end, and keeps its uid away from others, when its cgroup cannot be read', async () => {
    const fail = (): never => {
      throw new Error('EMFILE');
    };
    const { held, deps } = counted({
      wasOutOfMemory: fail,
      kill: fail,
      remove: () => Promise.resolve(false),
    });
    const sandbox = createSandboxes({ ...deps, tools: TOOLS }).start(SPEC);
    sandbox.boot();
    expect(await sandbox.exited).toMatchObject({ code: 1, wasOutOfMemory: false });
    await sandbox.released;
    expect(held.uids).toBe(1);
  });
});
