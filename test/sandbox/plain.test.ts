import { chmod, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainEnclosure } from '../../src/sandbox/index.ts';
import { eventually } from '../support/eventually.ts';
import { descendantsOf, survivors } from '../support/processes.ts';
import { openSandboxLab, type SandboxLab } from '../support/sandbox.ts';

let folder: string;
let lab: SandboxLab;

beforeAll(async () => {
  folder = await mkdtemp(join(await realpath(tmpdir()), 'plain-'));
  await chmod(folder, 0o711);
  const tools = { sh: '/bin/sh', setpriv: '/usr/bin/setpriv' };
  lab = await openSandboxLab({
    enclosure: plainEnclosure({ tools, dir: folder, visibleDir: folder }),
  });
});
afterAll(async () => {
  await lab.close();
  await rm(folder, { recursive: true });
});

it('gives a program its files below a folder of its own, and takes the folder away with all in it', async () => {
  const { stderrTail, code } = await lab.run(`
    import fs from 'node:fs';
    import os from 'node:os';
    fs.mkdirSync(os.tmpdir() + '/closed');
    fs.writeFileSync(os.tmpdir() + '/closed/file', 'x');
    fs.chmodSync(os.tmpdir() + '/closed', 0o500);
    const fds = fs.readdirSync('/proc/self/fd').filter((fd) => {
      try { return fs.readlinkSync('/proc/self/fd/' + fd).startsWith('socket:'); } catch { return false; }
    });
    console.error(JSON.stringify({
      temporary: os.tmpdir(), names: Object.keys(process.env), fds,
    }));
  `);
  expect(code).toBe(0);
  const seen = JSON.parse(stderrTail) as Record<string, unknown>;
  expect(seen).toMatchObject({ names: ['TMPDIR'], fds: ['2', '5', '6'] });
  expect(seen['temporary']).toMatch(new RegExp(`^${folder}/plain-\\w+/tmp$`));
  await lab.released();
  expect(await readdir(folder)).toEqual([]);
});

it('waits to be told before it starts, and tells how it ended', async () => {
  const sandbox = await lab.start(
    `import fs from 'node:fs'; fs.writeSync(2, 'on'); process.exit(3)`,
  );
  await eventually(() => expect(running('process /')).toHaveLength(1));
  sandbox.boot();
  expect(await sandbox.exited).toMatchObject({ code: 3, signal: null, stderrTail: 'on' });
});

describe.each(['exit', 'kill'])('when it ends by %s', (end) => {
  it('leaves nothing running, in a session of its own neither', async () => {
    const sandbox = await lab.start(`
      import { spawn } from 'node:child_process';
      for (const detached of [true, false]) {
        spawn('/bin/sleep', ['612'], { stdio: 'ignore', detached }).unref();
      }
      setTimeout(() => {}, ${end === 'exit' ? 300 : 600_000});`);
    sandbox.boot();
    const left = await eventually(() => {
      const found = running('sleep 612');
      expect(found).toHaveLength(2);
      return found;
    });
    if (end === 'kill') sandbox.kill();
    expect(await sandbox.exited).toMatchObject(
      end === 'kill' ? { signal: 'SIGKILL' } : { code: 0 },
    );
    await sandbox.released;
    await eventually(() => expect(survivors(left)).toEqual([]));
  });
});

function running(part: string) {
  return descendantsOf(process.pid).filter(({ commandLine }) => commandLine.includes(part));
}
