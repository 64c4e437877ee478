import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noCgroups } from '../../src/sandbox/cgroup.ts';
import { residentBytes } from '../../src/sandbox/process-memory.ts';
import { openSandboxLab, type SandboxLab } from '../support/sandbox.ts';

/** Programs that take memory until they are ended, each of another kind. */
const HOARDERS: Record<string, string> = {
  'the heap': `const kept = []; for (;;) kept.push(new Array(1e5).fill(kept.length));`,
  Buffers: `const kept = []; for (;;) kept.push(Buffer.alloc(4 << 20, 1));`,
  'mapped memory': `
    const kept = [];
    for (;;) { const m = new WebAssembly.Memory({ initial: 64 }); new Uint8Array(m.buffer).fill(1); kept.push(m); }`,
  'shared memory': `const kept = []; for (;;) { const s = new SharedArrayBuffer(4 << 20); new Uint8Array(s).fill(1); kept.push(s); }`,
  // Goes on when it is full: the watch looks a few times a second.
  'files in /tmp': `
    import fs from 'node:fs';
    const fill = () => { for (;;) fs.appendFileSync('/tmp/x', Buffer.alloc(1 << 20, 1)); };
    setInterval(() => { try { fill(); } catch {} }, 10);`,
  'files in /dev/shm and a heap': `
    import fs from 'node:fs';
    try { for (;;) fs.appendFileSync('/dev/shm/x', Buffer.alloc(1 << 20, 1)); } catch {}
    const kept = []; for (;;) kept.push(Buffer.alloc(4 << 20, 1));`,
  'a million small files': `
    import fs from 'node:fs';
    for (let i = 0; ; i++) fs.writeFileSync('/tmp/' + i, '');`,
};

/** Waits for its child; the child takes the memory. */
const WITH_CHILD = `
  import { spawnSync } from 'node:child_process';
  spawnSync('/usr/bin/node', ['-e', 'const kept = []; for (;;) kept.push(Buffer.alloc(4 << 20, 1));'], { stdio: 'ignore' });
`;

for (const [where, cgroups] of [
  ['where the kernel holds it', undefined],
  ['where no cgroups can be made', noCgroups],
] as const) {
  describe(`the memory of a sandbox, ${where},`, () => {
    let lab: SandboxLab;
    beforeAll(async () => {
      lab = await openSandboxLab(cgroups === undefined ? {} : { cgroups });
    });
    afterAll(() => lab.close());

    it.each(Object.entries(HOARDERS))('ends with %s', async (_, code) => {
      const exit = await lab.run(code, { memoryMib: 96, tmpMib: 95 });
      expect(exit).toMatchObject({ wasOutOfMemory: true });
      expect(exit.signal ?? exit.code).toSatisfy((end) => end === 'SIGKILL' || end === 137);
    });

    it('counts what children take', async () => {
      expect(await lab.run(WITH_CHILD, { memoryMib: 128 })).toMatchObject({ wasOutOfMemory: true });
    });

    it('is told of when it comes near its limit, once and while it runs on', async () => {
      const sandbox = await lab.start(
        `import net from 'node:net';
         import fs from 'node:fs';
         const socket = new net.Socket({ fd: 5 });
         const kept = [];
         const ownMib = () => Number(/RssAnon:\\s+(\\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
         const fill = setInterval(() => {
           kept.push(Buffer.alloc(2 << 20, 1));
           if (ownMib() > 238) { clearInterval(fill); socket.write('full'); }
         }, 2);`,
        { memoryMib: 256 },
      );
      sandbox.boot();
      await once(sandbox.socket, 'data');
      await sandbox.nearMemoryLimit;
      sandbox.kill();
      expect(await sandbox.exited).toMatchObject({ wasOutOfMemory: false });
    });

    it('is nobody else to blame for an end of another kind', async () => {
      expect(await lab.run('process.abort()')).toMatchObject({ wasOutOfMemory: false });
    });
  });
}

describe('without cgroups', () => {
  it('ends a sandbox that has more processes than it may', async () => {
    const lab = await openSandboxLab({ cgroups: noCgroups, slotUids: null });
    const sandbox = await lab.start(
      `import { spawn } from 'node:child_process';
       for (let i = 0; i < 12; i++) spawn('/usr/bin/node', ['-e', 'setInterval(() => {}, 1e3)']);
       setInterval(() => {}, 1e3);`,
      { maxTasks: 64, memoryMib: 2_048 },
    );
    sandbox.boot();
    expect(await sandbox.exited).toMatchObject({ signal: 'SIGKILL' });
    await lab.close();
  });

  it('lets a program of 128 MB have four threads with heaps of 16 MB', async () => {
    const lab = await openSandboxLab({ cgroups: noCgroups, slotUids: null });
    const { code, stderrTail } = await lab.run(
      `import { Worker } from 'node:worker_threads';
       let ready = 0;
       for (let thread = 0; thread < 4; thread++) {
         new Worker('require("node:worker_threads").parentPort.on("message", () => {}).postMessage("")', {
           eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 },
         }).on('message', () => {
           ready += 1;
           if (ready === 4) process.exit(7);
         });
       }`,
      { memoryMib: 128 },
    );
    await lab.close();
    expect({ code, stderrTail }).toEqual({ code: 7, stderrTail: '' });
  });

  it('counts the memory that is a process own', () => {
    expect(
      residentBytes('VmRSS:\t  90 kB\nRssAnon:\t  20 kB\nRssFile:\t  60 kB\nRssShmem:\t  10 kB\n'),
    ).toBe(30 * 1024);
    expect(residentBytes('')).toBe(0);
  });
});
