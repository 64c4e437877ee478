import { mkdtemp, rm } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tryLockFile } from '../../../../src/main/supervisor/machine/file-lock.ts';
import {
  candidateBlocks,
  leaseUidBlock,
  uidBlock,
} from '../../../../src/main/supervisor/sandboxes/uid-blocks.ts';

describe('candidate blocks', () => {
  it('lie between 40000 and the ids that containers have', () => {
    const blocks = candidateBlocks('', '', null);
    expect(blocks[0]).toBe(40_000);
    expect((blocks.at(-1) ?? 0) + 1024).toBeLessThan(65_535);
    expect(blocks).toHaveLength(24);
  });

  it('leave out those with a user', () => {
    const passwd = 'root:x:0:0::/root:/bin/sh\nannie:x:40999:1::/:/bin/sh\nbroken line\n';
    expect(candidateBlocks(passwd, '', null)).not.toContain(40_000);
    expect(candidateBlocks(passwd, '', null)[0]).toBe(41_024);
  });

  it('leave out subordinate ranges', () => {
    expect(candidateBlocks('', 'annie:41000:5000\n', null).slice(0, 1)).toEqual([46_144]);
  });

  it('begin with the one of last time', () => {
    expect(candidateBlocks('', '', 43_072).slice(0, 2)).toEqual([43_072, 40_000]);
    expect(candidateBlocks('', '', 123)[0]).toBe(40_000);
  });
});

describe('a block', () => {
  it('gives every process and every slot a uid of its own', () => {
    const block = uidBlock(40_000);
    const uids = [block.control, block.git, block.data, block.postgres, block.egress];
    for (let uid = block.slots.lease(); uid !== null; uid = block.slots.lease()) uids.push(uid);
    expect(new Set(uids).size).toBe(1024);
    expect(Math.max(...uids)).toBe(41_023);
  });

  it('lets a uid that came back rest longest', () => {
    const { slots } = uidBlock(40_000);
    const first = slots.lease() ?? 0;
    slots.release(first);
    expect(slots.lease()).not.toBe(first);
  });

  it('is held by one instance at a time, until its process ends', async () => {
    const lockFolder = await mkdtemp(join(tmpdir(), 'gitfn-uids-'));
    onTestFinished(() => rm(lockFolder, { recursive: true }));
    const lease = () =>
      leaseUidBlock({
        candidates: [40_000, 41_024],
        lockFolder,
        tryLock: (path) => tryLockFile('/usr/bin/flock', path),
      });
    const other = spawn(
      '/usr/bin/flock',
      ['--no-fork', join(lockFolder, '40000.lock'), 'sh', '-c', 'echo held; exec sleep 60'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    await once(other.stdout, 'data');
    expect(lease()?.control).toBe(41_024);
    expect(lease()).toBe(null);
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(lease()?.control).toBe(40_000);
  });
});
