import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExec } from '../../../src/certs/dns/exec.ts';
import { eventually } from '../../support/eventually.ts';

const RECORD = { name: '_acme-challenge.example.com', value: '-a $(id) "b"' };
const signal = new AbortController().signal;

describe('a program of the operator', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gitfn-hook-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function program(lines: string): Promise<string> {
    const path = join(folder, `hook-${Math.random()}`);
    await writeFile(path, `#!/bin/sh\n${lines}\n`);
    await chmod(path, 0o755);
    return path;
  }

  it('gets action, name and value, and the environment of its settings alone', async () => {
    const said = join(folder, 'said');
    const environment = { OUT: said, TOKEN: 'secret' };
    const path = await program('printf "%s|" "$@" >> "$OUT"; env | sort | cut -d= -f1 >> "$OUT"');
    const provider = createExec({ program: path, environment });
    await provider.add(RECORD, signal);
    await provider.remove(RECORD, signal);
    const names = ['OUT', 'PATH', 'PWD', 'TOKEN', ''].join('\n');
    const words = `${RECORD.name}|${RECORD.value}|`;
    expect(await readFile(said, 'utf8')).toBe(`add|${words}${names}remove|${words}${names}`);
  });

  it('is shown with the end of what it printed when it fails', async () => {
    const lines =
      'head -c 300000 /dev/zero | tr "\\0" x; printf "\\033[31mno such zone\\n" >&2; exit 3';
    const path = await program(lines);
    const failure = await failureOf(
      createExec({ program: path, environment: {} }).add(RECORD, signal),
    );
    expect(failure.message).toMatch(/ended with 3: x+no such zone$/);
    expect(failure.message.length).toBeLessThan(2_300);
    expect(failure).toMatchObject({ code: 'unavailable', hint: expect.stringContaining(path) });
  });

  it('is ended with all that it started when its time is over', async () => {
    const pidFile = join(folder, 'pid');
    const path = await program(`sleep 600 & echo $! > ${pidFile}; echo waiting; wait`);
    const provider = createExec({ program: path, environment: {} }, 300);
    const failure = await failureOf(provider.add(RECORD, signal));
    expect(failure.message).toMatch(/did not end within 0\.3 s: waiting$/);
    const pid = Number(await readFile(pidFile, 'utf8'));
    await eventually(() => expect(isRunning(pid)).toBe(false));
  });

  it('is ended when nobody waits any more', async () => {
    const path = await program('sleep 600');
    const controller = new AbortController();
    const added = createExec({ program: path, environment: {} }).add(RECORD, controller.signal);
    controller.abort(new Error('the server ends'));
    await expect(added).rejects.toThrow('the server ends');
  });

  it('need not end what it leaves behind to be done', async () => {
    const path = await program('sleep 600 & exit 0');
    await createExec({ program: path, environment: {} }).add(RECORD, signal);
  });

  it.each(['/nowhere/hook', tmpdir()])('is said not to be one: %s', async (path) => {
    const provider = createExec({ program: path, environment: {} });
    await expect(provider.add(RECORD, signal)).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining(`${path} could not be started`),
      hint: expect.stringContaining('"program"'),
    });
  });
});

async function failureOf(promise: Promise<void>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not fail');
}

/** Whoever has ended may still wait for its parent to look. */
function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
