import { describe, expect, it } from 'vitest';
import { type ProtectionFacts, protectionsOf } from '../../../src/main/supervisor/protections.ts';
import { protectionStatuses } from '../../../src/protocol/protections.ts';
import { noCgroups } from '../../../src/sandbox/cgroup.ts';

const ALL: ProtectionFacts = {
  isPlain: false,
  isRoot: true,
  cgroups: {
    version: 'v2',
    holds: { memory: true, swap: true, pids: true, cpuShare: true, cpuQuota: true, cpuYield: true },
  },
  hasSwap: true,
  masterKeyFile: { path: '/data/master-key', mode: 0o100600 },
  selfTests: { nodejs: null },
};

function statuses(facts: Partial<ProtectionFacts>) {
  return protectionStatuses(protectionsOf({ ...ALL, ...facts }));
}

describe('the report of protections', () => {
  it('is all on where the machine gives everything', () => {
    expect(new Set(Object.values(statuses({})))).toEqual(new Set(['on']));
  });

  it('says when the kernel cannot have a busy function yield', () => {
    const holds = { ...ALL.cgroups.holds, cpuYield: false };
    expect(statuses({ cgroups: { ...ALL.cgroups, holds } })['cpu-share']).toBe('degraded');
  });

  it('says what an ordinary user without cgroups lacks, and what mends it', () => {
    const missing = protectionsOf({ ...ALL, isRoot: false, cgroups: noCgroups }).filter(
      ({ status }) => status !== 'on',
    );
    expect(missing.map(({ protection }) => protection)).toEqual([
      'uid-per-sandbox',
      'memory-limit',
      'no-swap',
      'process-limit',
      'cpu-share',
      'cpu-limit',
    ]);
    for (const { fix } of missing) expect(fix).toContain('root');
  });

  it('needs no limit on swap where there is none', () => {
    const cgroups = { ...ALL.cgroups, holds: { ...ALL.cgroups.holds, swap: false } };
    expect(statuses({ cgroups })['no-swap']).toBe('off');
    expect(statuses({ cgroups, hasSwap: false })['no-swap']).toBe('on');
  });

  it('names a master key that others can read, and the runtime whose self-test fails', () => {
    expect(statuses({ masterKeyFile: { path: '/k', mode: 0o100644 } })['master-key-file']).toBe(
      'off',
    );
    const [first] = protectionsOf({ ...ALL, selfTests: { nodejs: 'it sees /home' } });
    expect(first).toEqual({
      protection: 'sandbox-nodejs',
      status: 'off',
      detail: 'it sees /home',
    });
  });
});
