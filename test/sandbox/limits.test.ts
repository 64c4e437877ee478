/** Limits that are counted per process or per uid, from inside and as the host shows them. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSandboxLab, type SandboxLab } from '../support/sandbox.ts';

let lab: SandboxLab;
beforeAll(async () => {
  lab = await openSandboxLab();
});
afterAll(() => lab.close());

const IS_ROOT = process.getuid?.() === 0;

/** Soft and hard value of each line of /proc/<pid>/limits that is named. */
const EXPECTED: Record<string, string> = {
  'Max core file size': '1 1',
  'Max file size': '1073741824 1073741824',
  'Max open files': '1024 1024',
  'Max locked memory': '65536 65536',
  'Max msgqueue size': '0 0',
  'Max nice priority': '0 0',
  'Max realtime priority': '0 0',
  ...(IS_ROOT && { 'Max processes': '64 64', 'Max pending signals': '1024 1024' }),
};

function limitsIn(text: string): Record<string, string> {
  const lines = [...text.matchAll(/^(Max [a-z ]+?) {2,}(\S+) +(\S+)/gm)];
  const all = lines.map(([, name = '', soft, hard]) => [name, `${soft} ${hard}`] as const);
  return Object.fromEntries(all.filter(([name]) => name in EXPECTED));
}

describe('the limits of a process in a sandbox', () => {
  it('are the ones that were set, as it sees them and as the host does', async () => {
    const sandbox = await lab.start(`
      import fs from 'node:fs'; import net from 'node:net';
      new net.Socket({ fd: 5 }).write(fs.readFileSync('/proc/self/limits', 'utf8'));
      setInterval(() => {}, 1000);`);
    sandbox.boot();
    const [seen] = (await once(sandbox.socket, 'data')) as [Buffer];
    expect(limitsIn(String(seen))).toEqual(EXPECTED);
    const pid = newestProgram();
    expect(limitsIn(readFileSync(`/proc/${pid}/limits`, 'utf8'))).toEqual(EXPECTED);
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^NoNewPrivs:\t1$/m);
    sandbox.kill();
    await sandbox.released;
  });

  it('cannot be raised again, and end what goes beyond them', async () => {
    const { stderrTail } = await lab.run(`
      import fs from 'node:fs'; import os from 'node:os';
      const attempt = (f) => { try { return f() ?? 'done'; } catch (e) { return e.code ?? e.message; } };
      const open = () => { for (;;) fs.openSync('/dev/null'); };
      fs.writeSync(2, JSON.stringify({
        // Started with fewer descriptors than it may have; hard limits come down only.
        descriptors: attempt(open),
        priority: attempt(() => os.setPriority(-10)),
      }));`);
    expect(JSON.parse(stderrTail)).toEqual({
      descriptors: 'EMFILE',
      priority: 'ERR_SYSTEM_ERROR',
    });
  });
});

/** The launch chain becomes bubblewrap, whose child is the namespace's first process, whose child is the program. */
function newestProgram(): number {
  const chain = childrenOf(process.pid).at(-1) ?? 0;
  return childrenOf(childrenOf(chain)[0] ?? 0)[0] ?? 0;
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}
