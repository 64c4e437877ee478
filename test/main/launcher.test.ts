import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createLauncherClient } from '../../src/main/supervisor/sandboxes/launcher-client.ts';
import type { Sandbox } from '../../src/sandbox/index.ts';
import { randomName } from '../../src/std/ids.ts';
import { descendantsOf } from '../support/processes.ts';
import { eventually } from '../support/eventually.ts';
import { openSandboxLab, type SandboxLab, SMALL_LIMITS } from '../support/sandbox.ts';

const LAUNCHER = join(import.meta.dirname, '../../src/main/launcher.ts');

/** Says on its socket what came down its environment's pipe, and waits. */
const SANDBOXED = `
  import net from 'node:net'; import fs from 'node:fs';
  const socket = new net.Socket({ fd: 5 });
  fs.readFile(6, 'utf8', (error, text) => socket.write('environment ' + text));
  socket.on('data', (data) => process.exit(Number(String(data))));
`;

let lab: SandboxLab;
beforeAll(async () => {
  lab = await openSandboxLab();
});
afterAll(() => lab.close());

/** A launcher as the supervisor starts it. */
async function startLauncher() {
  const client = createLauncherClient();
  const child: ChildProcess = spawn(process.execPath, [LAUNCHER], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const listener = client.attach(child);
  const ended = once(child, 'exit').then(() => listener.ended());
  child.send({ type: 'start', options: null });
  await new Promise<void>((resolve) => {
    child.on('message', ({ type }: { type: string }) => {
      if (type === 'ready') resolve();
    });
  });
  listener.ready?.();
  return { client, child, ended };
}

async function start(client: ReturnType<typeof createLauncherClient>): Promise<Sandbox> {
  return lab.sandboxes.startBy(client, {
    name: randomName(12),
    program: await lab.program(SANDBOXED),
    limits: SMALL_LIMITS,
    handsOverOutput: true,
  });
}

/** What comes first on its socket. */
async function said(sandbox: Sandbox): Promise<string> {
  const [data] = (await once(sandbox.socket, 'data')) as [Buffer];
  return String(data);
}

async function bootedBy(client: ReturnType<typeof createLauncherClient>): Promise<Sandbox> {
  const sandbox = await start(client);
  const words = said(sandbox);
  sandbox.boot();
  sandbox.giveEnvironment({ values: { OF: 'it' }, secretNames: [] });
  expect(await words).toContain('"OF":"it"');
  return sandbox;
}

describe('the launcher', () => {
  it('makes the process of a sandbox and hands over its ends, and tells how it ended', async () => {
    const { client, child } = await startLauncher();
    const sandbox = await bootedBy(client);
    expect(descendantsOf(child.pid ?? 0).length).toBeGreaterThan(0);
    sandbox.socket.write('7');
    expect(await sandbox.exited).toMatchObject({ code: 7, signal: null });
    await sandbox.released;
  });

  it('ends a sandbox from the inside, and one that has not begun', async () => {
    const { client } = await startLauncher();
    const booted = await bootedBy(client);
    booted.kill();
    expect(await booted.exited).toMatchObject({ code: null, signal: 'SIGKILL' });
    const waiting = await start(client);
    waiting.kill();
    expect(await waiting.exited).toMatchObject({ code: null, signal: 'SIGKILL' });
    await Promise.all([booted.released, waiting.released]);
  });

  it('takes its sandboxes along when it is killed, and this process starts the next', async () => {
    const { client, child, ended } = await startLauncher();
    const sandbox = await bootedBy(client);
    const waiting = await start(client);
    const inside = descendantsOf(child.pid ?? 0).map(({ pid }) => pid);
    expect(inside.length).toBeGreaterThan(2);
    child.kill('SIGKILL');
    await ended;
    expect(await sandbox.exited).toMatchObject({ signal: 'SIGKILL' });
    await Promise.all([sandbox.released, waiting.released]);
    await eventually(() => inside.every((pid) => !isRunning(pid)));
    const next = await bootedBy(client);
    next.kill();
    await next.released;
  });

  it('says when no process could be made, and gives back what was taken for it', async () => {
    const { client } = await startLauncher();
    const order = {
      command: ['/nonexistent/sh'] as [string],
      environment: {},
      handsOverOutput: false,
      hasChannel: false,
      input: { arguments: '', filter: Buffer.alloc(0) },
    };
    await expect(client.launch(order)).rejects.toThrow('no process could be made');
  });

  it('refuses what is on its way when it ends', async () => {
    const { client, child } = await startLauncher();
    child.kill('SIGSTOP');
    const launch: typeof client.launch = (order) => {
      const launched = client.launch(order);
      // Not sooner: what is asked for with no launcher there is started without one.
      child.kill('SIGKILL');
      return launched;
    };
    await expect(start({ ...client, launch })).rejects.toMatchObject({ code: 'sandbox-failed' });
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
