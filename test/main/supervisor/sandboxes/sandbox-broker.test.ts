import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createCodeSlots } from '../../../../src/main/supervisor/sandboxes/code-slots.ts';
import { createLauncherClient } from '../../../../src/main/supervisor/sandboxes/launcher-client.ts';
import { createSandboxBroker } from '../../../../src/main/supervisor/sandboxes/sandbox-broker.ts';
import type { SandboxKind } from '../../../../src/main/supervisor/sandboxes/sandbox-limits.ts';
import {
  openSealedEnvironment,
  openSealedKey,
} from '../../../../src/main/supervisor/sandboxes/open-sealed.ts';
import type { SupervisorNotice } from '../../../../src/protocol/supervisor.ts';
import { sealCertificateKey, sealEnvironment } from '../../../../src/secrets/sealed.ts';
import { eventually } from '../../../support/eventually.ts';
import { openSandboxLab, type SandboxLab } from '../../../support/sandbox.ts';

const DEPLOYMENT = 'dep-abcdefghij23';
const BUNDLE = 'b'.repeat(64);
const MASTER_KEY = Buffer.alloc(32, 7);

/** Says on its socket that it is up, then what its environment pipe brought, then waits. */
const SANDBOXED = `
  import net from 'node:net'; import fs from 'node:fs';
  const socket = new net.Socket({ fd: 5 });
  socket.write('up;');
  fs.readFile(6, 'utf8', (error, text) => {
    socket.write('environment ' + text + ';');
    const path = '/code/node_modules/tool/index.js';
    if (fs.existsSync(path)) socket.write('code ' + fs.readFileSync(path) + ';');
    try { fs.writeFileSync('/code/x', ''); socket.write('writable;'); } catch {}
  });
  socket.resume();
`;

/** Stands for data or control: passes on what it is told, and tells what it hears and what its sockets bring. */
const PEER = `
  process.on('message', (message, socket) => {
    if (message.relay) return process.send(message.relay);
    process.send({ heard: message, hasSocket: socket !== undefined });
    socket?.on('data', (data) => process.send({ slot: message.slot, data: String(data) }));
  });
  process.on('disconnect', () => process.exit());
`;

interface Heard {
  notices: SupervisorNotice[];
  /** What the sockets brought, by slot. */
  data: Record<string, string>;
}

let lab: SandboxLab;
let sealedDir: string;
beforeAll(async () => {
  lab = await openSandboxLab();
  sealedDir = await mkdtemp(join(tmpdir(), 'gitfn-sealed-'));
  const sealed = sealEnvironment(MASTER_KEY, DEPLOYMENT, {
    values: { SECRET: 'of-the-deployment' },
    secretNames: ['SECRET'],
    egress: ['db.internal:5432'],
  });
  await writeFile(join(sealedDir, `${DEPLOYMENT}.sealed`), sealed);
});
afterAll(async () => {
  await lab.close();
  await rm(sealedDir, { recursive: true });
});

async function openBroker(maxSandboxes = 8) {
  const storeDir = await mkdtemp(join(tmpdir(), 'gitfn-store-'));
  // Sandboxes have uids of their own.
  await chmod(storeDir, 0o711);
  onTestFinished(() => rm(storeDir, { recursive: true }));
  const program = await lab.program(SANDBOXED);
  const said: string[] = [];
  /** What of a start was done, in this order. */
  const done: string[] = [];
  const broker = createSandboxBroker(
    {
      sandboxes: lab.sandboxes,
      launcher: createLauncherClient(),
      cgroups: {
        ...lab.cgroups,
        openLevel: () => {
          done.push('share');
          return lab.cgroups.openLevel();
        },
      },
      program: () => program,
      networks: null,
      channels: null,
      codeSlots: createCodeSlots({
        bundlesDir: join(storeDir, 'bundles'),
        slotsDir: join(storeDir, 'slots'),
        visibleDir: join(storeDir, 'slots'),
      }),
      openSealed: (deployment) => {
        done.push('environment');
        return openSealedEnvironment(sealedDir, () => [MASTER_KEY], deployment);
      },
      openSealedKey: (certificate) => openSealedKey(sealedDir, () => [MASTER_KEY], certificate),
      masterKeyFile: { keys: [MASTER_KEY], add: async () => {}, retireOld: async () => {} },
      say: (line) => void said.push(line),
    },
    { maxMemoryMib: { zygote: 512, builder: 1024 }, maxSandboxes, cores: 2 },
  );
  onTestFinished(() => broker.close());

  function connect(kind: SandboxKind) {
    const child: ChildProcess = spawn(process.execPath, ['-e', PEER], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const listener = broker.attach(child, kind);
    const heard: Heard = { notices: [], data: {} };
    child.on('message', (raw) => {
      const message = raw as {
        heard?: SupervisorNotice;
        slot?: string;
        data?: string;
        type?: string;
      };
      if (message.type !== undefined) listener.message(message as never);
      else if (message.heard !== undefined) heard.notices.push(message.heard);
      else heard.data[message.slot ?? ''] = (heard.data[message.slot ?? ''] ?? '') + message.data;
    });
    child.once('exit', () => listener.ended());
    const ask = (request: unknown): void => void child.send({ relay: request });
    const startSandbox = async (): Promise<string> => {
      const count = heard.notices.length;
      const type = kind === 'zygote' ? 'start-zygote' : 'start-builder';
      ask({ type, request: count, runtime: 'nodejs', memoryMib: 128 });
      return eventually<string | false>(() => {
        const notice = heard.notices.find(
          (n) => n.type === 'sandbox-started' && n.request === count,
        );
        return notice?.type === 'sandbox-started' ? notice.slot : false;
      }) as Promise<string>;
    };
    return { child, heard, ask, startSandbox };
  }
  return { connect, said, done, storeDir };
}

/** A bundle with one package; returns the package's folder. */
async function storePackage(storeDir: string): Promise<string> {
  const folder = join(storeDir, 'bundles', BUNDLE, 'node_modules', 'tool');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'index.js'), 'of the tool');
  return folder;
}

function exitOf(heard: Heard, slot: string) {
  const notice = heard.notices.find((n) => n.type === 'exited' && n.slot === slot);
  return notice?.type === 'exited' ? notice.exit : false;
}

describe('the supervisor', () => {
  it('hands over a socket on which no byte is missing', async () => {
    const { connect } = await openBroker();
    const data = connect('zygote');
    const slots = await Promise.all(Array.from({ length: 4 }, () => data.startSandbox()));
    for (const slot of slots) await eventually(() => data.heard.data[slot] === 'up;');
  });

  it('gives a sandbox the environment of a deployment, once', async () => {
    const { connect, done } = await openBroker();
    const data = connect('zygote');
    const slot = await data.startSandbox();
    data.ask({ type: 'specialise', slot, deployment: DEPLOYMENT });
    data.ask({ type: 'specialise', slot, deployment: DEPLOYMENT });
    const environment = { values: { SECRET: 'of-the-deployment' }, secretNames: ['SECRET'] };
    const expected = `up;environment ${JSON.stringify(environment)}\n;`;
    await eventually(() => expect(data.heard.data[slot]).toBe(expected));
    // Its start waits for this and not for its share.
    expect(done).toEqual(['environment', 'share']);
  });

  it('shows a sandbox the packages of a bundle before its environment, without copying them', async () => {
    const { connect, storeDir } = await openBroker();
    const package_ = await storePackage(storeDir);
    const data = connect('zygote');
    const slot = await data.startSandbox();
    data.ask({ type: 'specialise', slot, deployment: DEPLOYMENT, bundle: BUNDLE });
    await eventually(() => data.heard.data[slot]?.includes('code of the tool;') === true);
    expect(data.heard.data[slot]).not.toContain('writable');
    expect((await stat(join(package_, 'index.js'))).nlink).toBe(2);
    data.ask({ type: 'kill', slot });
    await eventually(async () => (await readdir(join(storeDir, 'slots'))).length === 0);
  });

  it('shows a sandbox nothing that a bundle reaches by a symbolic link', async () => {
    const { connect, storeDir } = await openBroker();
    await symlink('/etc/passwd', join(await storePackage(storeDir), 'passwd'));
    const data = connect('zygote');
    const slot = await data.startSandbox();
    data.ask({ type: 'specialise', slot, deployment: DEPLOYMENT, bundle: BUNDLE });
    await eventually(() => exitOf(data.heard, slot));
    expect(data.heard.notices.map((notice) => notice.type)).toContain('specialise-failed');
  });

  it('removes the folders that a supervisor left behind', async () => {
    const storeDir = await mkdtemp(join(tmpdir(), 'gitfn-store-'));
    onTestFinished(() => rm(storeDir, { recursive: true }));
    const slotsDir = join(storeDir, 'slots');
    const options = { bundlesDir: join(storeDir, 'bundles'), slotsDir, visibleDir: slotsDir };
    createCodeSlots(options).open('slot-left');
    createCodeSlots(options);
    expect(await readdir(slotsDir)).toEqual([]);
  });

  it('kills a sandbox whose environment cannot be opened', async () => {
    const { connect } = await openBroker();
    const data = connect('zygote');
    const slot = await data.startSandbox();
    data.ask({ type: 'specialise', slot, deployment: 'dep-zzzzzzzzzzzz' });
    await eventually(() => exitOf(data.heard, slot));
    expect(data.heard.notices.map((notice) => notice.type)).toContain('specialise-failed');
  });

  it('kills on request, and tells how it ended', async () => {
    const { connect } = await openBroker();
    const data = connect('zygote');
    const slot = await data.startSandbox();
    data.ask({ type: 'kill', slot });
    expect(await eventually(() => exitOf(data.heard, slot))).toMatchObject({
      signal: 'SIGKILL',
      wasOutOfMemory: false,
    });
  });

  it('lets nobody reach a sandbox of another process', async () => {
    const { connect } = await openBroker();
    const data = connect('zygote');
    const control = connect('builder');
    const slot = await data.startSandbox();
    control.ask({ type: 'kill', slot });
    const own = await control.startSandbox();
    control.ask({ type: 'kill', slot: own });
    await eventually(() => exitOf(control.heard, own));
    expect(exitOf(data.heard, slot)).toBe(false);
  });

  it.each([
    ['builder', { type: 'start-zygote', request: 1, runtime: 'nodejs', memoryMib: 128 }],
    ['zygote', { type: 'start-builder', request: 1, memoryMib: 128 }],
    ['zygote', { type: 'start-zygote', request: 1, runtime: '/bin/sh', memoryMib: 128 }],
  ] as const)('ends a %s owner that asks for %j', async (kind, request) => {
    const { connect, said } = await openBroker();
    const peer = connect(kind);
    peer.ask(request);
    await once(peer.child, 'exit');
    expect(said.join()).toContain('what it may not');
  });

  it.each([
    ['zygote', { type: 'start-zygote', request: 5, runtime: 'nodejs', memoryMib: 513 }],
    ['zygote', { type: 'start-zygote', request: 5, runtime: 'nodejs', memoryMib: 31 }],
    ['builder', { type: 'start-builder', request: 5, memoryMib: 1025 }],
  ] as const)(
    'starts nothing for a %s owner that asks for memory out of range (%j), and leaves it alive',
    async (kind, request) => {
      const { connect } = await openBroker();
      const peer = connect(kind);
      peer.ask(request);
      const refused = await eventually(
        () => peer.heard.notices.find((notice) => notice.type === 'sandbox-failed') ?? false,
      );
      expect(refused).toMatchObject({
        request: 5,
        reason: expect.stringContaining('MB') as string,
      });
      expect(peer.child.exitCode ?? peer.child.signalCode).toBe(null);
    },
  );

  it('lets a builder have more memory than a function may', async () => {
    const { connect } = await openBroker();
    const control = connect('builder');
    control.ask({ type: 'start-builder', request: 7, memoryMib: 1024 });
    await eventually(() => control.heard.notices.some(({ type }) => type === 'sandbox-started'));
  });

  it('refuses more sandboxes than there may be', async () => {
    const { connect } = await openBroker(1);
    const data = connect('zygote');
    await data.startSandbox();
    data.ask({ type: 'start-zygote', request: 99, runtime: 'nodejs', memoryMib: 128 });
    await eventually(() =>
      data.heard.notices.some(
        (notice) => notice.type === 'sandbox-failed' && notice.request === 99,
      ),
    );
  });

  it('ends the sandboxes of a process that ends', async () => {
    const { connect } = await openBroker();
    const data = connect('zygote');
    await data.startSandbox();
    const released = lab.released();
    data.child.kill('SIGKILL');
    await released;
  });
});

describe('the key of a certificate', () => {
  it('is opened for data, and for nobody else', async () => {
    const sealed = sealCertificateKey(MASTER_KEY, 'cert1', 'the key');
    await writeFile(join(sealedDir, 'cert1.sealed'), sealed);
    await writeFile(join(sealedDir, 'cert2.sealed'), sealed);
    const { connect } = await openBroker();
    const data = connect('zygote');
    for (const [request, certificate] of ['cert1', 'cert2', 'cert3'].entries()) {
      data.ask({ type: 'open-certificate', request, certificate });
    }
    const reason = 'its key cannot be opened';
    await eventually(() => data.heard.notices.length === 3);
    expect(data.heard.notices).toEqual([
      { type: 'certificate-key', request: 0, key: 'the key' },
      { type: 'certificate-key-failed', request: 1, reason },
      { type: 'certificate-key-failed', request: 2, reason },
    ]);
    const control = connect('builder');
    control.ask({ type: 'open-certificate', request: 1, certificate: 'cert1' });
    await once(control.child, 'exit');
    expect(control.heard.notices).toEqual([]);
  });
});

describe('a sealed environment', () => {
  it('is not read through a symbolic link', async () => {
    const name = 'dep-aaaaaaaaaaaa';
    await symlink(join(sealedDir, `${DEPLOYMENT}.sealed`), join(sealedDir, `${name}.sealed`));
    const open = () => openSealedEnvironment(sealedDir, () => [MASTER_KEY], name);
    expect(open).toThrow('ELOOP');
  });

  it('does not open under the name of another deployment', async () => {
    const name = 'dep-bbbbbbbbbbbb';
    await writeFile(
      join(sealedDir, `${name}.sealed`),
      sealEnvironment(MASTER_KEY, DEPLOYMENT, { values: {}, secretNames: [] }),
    );
    expect(() => openSealedEnvironment(sealedDir, () => [MASTER_KEY], name)).toThrow();
  });
});
