import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { type Platform, spawnServer, startPlatform } from '../support/platform.ts';
import { descendantsOf, survivors } from '../support/processes.ts';

const PROJECT_DIR = dirname(dirname(import.meta.dirname));
const IS_ROOT = process.getuid?.() === 0;
/** Nobody's, and outside the blocks that servers take. */
const ORDINARY_UID = 65_533;

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-server-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Runs a server that is not expected to start. */
async function failedStart(options: Parameters<typeof spawnServer>[0]) {
  const { child, output } = spawnServer(options);
  onTestFinished(() => void child.kill('SIGKILL'));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: output() };
}

/** A failure that an operator can mend is told without a stack. */
const NO_STACK = expect.not.stringMatching(/^\s+at .*:\d+:\d+/m) as string;

describe('a server that cannot start says why, and what to do', () => {
  it('when its configuration is wrong: everything at once, exit 2', async () => {
    const dataDir = await temporaryFolder();
    const failed = await failedStart({ env: { FN_DATA_DIR: dataDir, PORT: 'x', HOST: 'y' } });
    expect(failed).toEqual({ code: 2, output: NO_STACK });
    expect(failed.output).toMatch(/HOST=y.*\n.*PORT=x/);
  });

  it('when the port is in use', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    onTestFinished(() => void holder.close());
    const { port } = holder.address() as { port: number };
    const failed = await failedStart({
      env: { FN_DATA_DIR: await temporaryFolder(), PORT: String(port) },
    });
    expect(failed).toEqual({ code: 1, output: NO_STACK });
    expect(failed.output).toContain(`port ${port} on 127.0.0.1 is in use`);
    expect(failed.output).toContain(`PORT=${port + 1} fn server`);
  });

  it('when the data folder cannot be made', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    const failed = await failedStart({ env: { FN_DATA_DIR: join(file, 'data'), PORT: '0' } });
    expect(failed).toEqual({ code: 1, output: NO_STACK });
    expect(failed.output).toContain('cannot be written (ENOTDIR)');
  });

  it.runIf(IS_ROOT)('when the data folder belongs to somebody else', async () => {
    const dataDir = await temporaryFolder();
    const failed = await failedStart({
      env: { FN_DATA_DIR: dataDir, PORT: '0' },
      asUid: ORDINARY_UID,
    });
    expect(failed).toEqual({ code: 1, output: NO_STACK });
    expect(failed.output).toContain(`sudo chown -R "$(id -u)" ${dataDir}`);
  });

  it('when the master key can be read by others', async () => {
    const dataDir = await temporaryFolder();
    await writeFile(join(dataDir, 'master-key'), Buffer.alloc(32).toString('base64'));
    await chmod(join(dataDir, 'master-key'), 0o644);
    const failed = await failedStart({ env: { FN_DATA_DIR: dataDir, PORT: '0' } });
    expect(failed).toEqual({ code: 1, output: NO_STACK });
    expect(failed.output).toContain('run: chmod 600');
  });

  it('when the database that it was given does not answer, leaving nothing behind', async () => {
    const failed = await failedStart({
      env: {
        FN_DATA_DIR: await temporaryFolder(),
        PORT: '0',
        DATABASE_URL: 'postgresql://nobody:hunter2@127.0.0.1:1/none',
      },
    });
    expect(failed).toEqual({ code: expect.any(Number) as number, output: NO_STACK });
    expect(failed.code).not.toBe(0);
    expect(failed.output).toContain('database');
    expect(failed.output).not.toContain('hunter2');
  });

  it('when a system package is missing and may not be installed', async () => {
    const tools = await temporaryFolder();
    await chmod(tools, 0o755);
    for (const name of [
      'sh',
      'dirname',
      'readlink',
      'git',
      'mount',
      'umount',
      'flock',
      'prlimit',
      'setpriv',
      'unshare',
    ]) {
      await symlink(`/usr/bin/${name}`, join(tools, name));
    }
    const failed = await failedStart({ env: { PATH: tools, PORT: '0' } });
    expect(failed).toEqual({ code: 1, output: NO_STACK });
    expect(failed.output).toContain('missing on this machine: bubblewrap, netcat-openbsd');
    expect(failed.output).toContain('apt-get install');
  });
});

describe('a running server', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await startPlatform();
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  const isAlive = async (): Promise<boolean> =>
    (await fetch(`${platform.url}/healthz`).catch(() => null))?.status === 200;
  const findProcess = (pattern: RegExp) =>
    descendantsOf(platform.pid).find(({ commandLine }) => pattern.test(commandLine));

  it('says where it is and what to type for a first push', () => {
    const url = `http://localhost:${platform.port}`;
    expect(platform.output()).toContain(`gitfn is ready: ${url}`);
    expect(platform.output()).toContain(
      `init --server ${url} --token-file ${platform.dataDir}/admin-token`,
    );
    expect(platform.output()).toContain('git push fn main');
  });

  it('writes its address into the data folder', async () => {
    const facts = JSON.parse(
      await readFile(join(platform.dataDir, 'server.json'), 'utf8'),
    ) as unknown;
    expect(facts).toEqual({
      url: `http://localhost:${platform.port}`,
      pid: platform.pid,
      port: platform.port,
      httpsPort: null,
      sshPort: null,
    });
  });

  it('keeps its secrets to its owner', async () => {
    for (const name of ['admin-token', 'master-key']) {
      expect((await stat(join(platform.dataDir, name))).mode & 0o777).toBe(0o600);
    }
  });

  it('refuses a second server on its data folder', async () => {
    const failed = await failedStart({ env: { FN_DATA_DIR: platform.dataDir, PORT: '0' } });
    expect(failed).toEqual({ code: 1, output: NO_STACK });
    expect(failed.output).toContain('another server is running');
    expect(await isAlive()).toBe(true);
  });

  it.runIf(IS_ROOT)(
    'runs nothing below it as root but what makes its sandboxes, and control, git, data and database apart',
    () => {
      const asRoot = descendantsOf(platform.pid).filter(({ uid }) => uid === 0);
      expect(asRoot.map(({ commandLine }) => commandLine)).toEqual([
        expect.stringMatching(/programs\/launcher\.cjs$/),
      ]);
      const uids = [/control\.mjs/, /git\.mjs/, /data\.mjs/, /bin\/postgres/].map(
        (p) => findProcess(p)?.uid,
      );
      expect(new Set(uids).size).toBe(4);
      expect(uids).not.toContain(undefined);
    },
  );

  it('keeps what parses packs from networks, secrets and the database, and to the system calls of functions', async () => {
    const front = descendantsOf(platform.pid).find(({ commandLine }) => {
      return /^\S*node .*\/git\.mjs$/.test(commandLine);
    });
    const read = (name: string): Promise<string> => readFile(`/proc/${front?.pid}/${name}`, 'utf8');
    expect(await read('status')).toMatch(/^Seccomp:\t2$/m);
    expect(await read('net/dev')).not.toMatch(/^\s*(?!lo:)\w+:/m);
    const mounts = await read('mounts');
    expect(mounts).toMatch(/\/repositories /);
    expect(mounts).not.toMatch(/\/(?:sealed|store|postgres|routes|data|home|root|etc) /);
  });

  it('runs no database process that it has no work for', () => {
    const names = descendantsOf(platform.pid).map(({ commandLine }) => commandLine);
    expect(names.filter((name) => name.includes('replication launcher'))).toEqual([]);
  });

  it.runIf(IS_ROOT)('gives its processes an empty environment', async () => {
    for (const { pid, commandLine } of descendantsOf(platform.pid)) {
      if (!/(control|git|data)\.mjs/.test(commandLine)) continue;
      const names = (await readFile(`/proc/${pid}/environ`, 'utf8'))
        .split('\0')
        .map((entry) => entry.split('=')[0])
        .filter((name) => name !== '' && name !== 'PWD' && !name?.startsWith('NODE_CHANNEL_'));
      expect(names, commandLine).toEqual([]);
    }
  });

  it.each([/control\.mjs/, /git\.mjs/, /launcher\.cjs/, /bin\/postgres/])(
    'starts %s again when it is killed, and serves meanwhile',
    async (pattern) => {
      const before = findProcess(pattern);
      if (before === undefined) throw new Error('it runs');
      process.kill(before.pid, 'SIGKILL');
      expect(await isAlive()).toBe(true);
      await eventually(() => {
        const after = findProcess(pattern);
        expect(after?.pid).toBeDefined();
        expect(after?.pid).not.toBe(before.pid);
      });
    },
  );

  it('refuses no connection while data is started again', async () => {
    const before = findProcess(/data\.mjs/);
    if (before === undefined) throw new Error('it runs');
    // The data process may have been started a moment ago.
    const sandboxes = await eventually(() => {
      const found = descendantsOf(platform.pid).filter(({ commandLine }) =>
        commandLine.includes('max-old-space'),
      );
      expect(found.length).toBeGreaterThan(0);
      return found;
    });
    process.kill(before.pid, 'SIGKILL');
    await eventually(() => expect(survivors([before])).toEqual([]));
    // A new connection, none that was kept from before: it waits in the backlog until the next data process takes it.
    expect((await ask(platform, '', { path: '/healthz' })).status).toBe(200);
    await eventually(() => expect(survivors(sandboxes)).toEqual([]));
  });
});

describe('the end of a server', () => {
  it('drains at SIGTERM, exits 0 and leaves nothing', async () => {
    await using platform = await startPlatform();
    const below = descendantsOf(platform.pid);
    expect(below.length).toBeGreaterThan(3);
    expect(await platform.stop()).toBe(0);
    expect(survivors(below)).toEqual([]);
    expect(existsSync(join(platform.dataDir, 'server.json'))).toBe(false);
    expect(existsSync(join(platform.dataDir, 'postgres/cluster/postmaster.pid'))).toBe(false);
  });

  it('is at once when a second signal comes', async () => {
    await using platform = await startPlatform();
    const below = descendantsOf(platform.pid);
    process.kill(platform.pid, 'SIGINT');
    process.kill(platform.pid, 'SIGTERM');
    await platform.stop();
    await eventually(() => expect(survivors(below)).toEqual([]), 2_000);
  });

  it('leaves no process when it is killed, and starts again on the same folder', async () => {
    await using platform = await startPlatform();
    const token = platform.adminToken;
    const below = descendantsOf(platform.pid);
    await platform.kill9();
    await eventually(() => expect(survivors(below)).toEqual([]), 2_000);
    expect(await mountsNaming(platform.dataDir)).toEqual([]);
    await platform.restart();
    expect(platform.adminToken).toBe(token);
    const answer = await fetch(`${platform.url}/whoami`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(answer.status).toBe(200);
  });

  async function mountsNaming(path: string): Promise<string[]> {
    const mounts = await readFile('/proc/self/mountinfo', 'utf8');
    return mounts.split('\n').filter((line) => line.includes(path));
  }
});

describe('where a server can live', () => {
  it.runIf(IS_ROOT)('runs as an ordinary user, and says what protection is missing', async () => {
    await using platform = await startPlatform({ asUid: ORDINARY_UID });
    expect((await fetch(`${platform.url}/healthz`)).status).toBe(200);
    expect(platform.output()).toContain('Protection that is missing here');
    expect(platform.output()).toContain('uid-per-sandbox off: ');
    const readiness = await (await fetch(`${platform.url}/readyz`)).json();
    expect(readiness).toMatchObject({
      protections: { 'sandbox-nodejs': 'on', 'uid-per-sandbox': 'off', 'master-key-file': 'on' },
    });
    expect(new Set(descendantsOf(platform.pid).map(({ uid }) => uid))).toEqual(
      new Set([ORDINARY_UID]),
    );
    expect(await platform.stop()).toBe(0);
  });

  it('boots functions and builds where a function may have no more memory than the default', async () => {
    await using platform = await startPlatform({ env: { MAX_MEMORY: '128' } });
    const sandboxes = () =>
      descendantsOf(platform.pid).filter(({ commandLine }) =>
        /^\/usr\/(?:local\/)?bin\/node .*\/runner\b/.test(commandLine),
      );
    await eventually(() => {
      const isWorker = sandboxes().map(({ commandLine }) => commandLine.includes('max-old-space'));
      expect(isWorker).toEqual(expect.arrayContaining([true, false]));
    });
    expect(platform.output()).not.toContain('what it may not');
  });

  it('serves when it is started under a strict umask', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'bin'));
    const script = `#!/bin/sh\numask 077\nexec ${PROJECT_DIR}/bin/fn "$@"\n`;
    await writeFile(join(folder, 'bin/fn'), script, { mode: 0o755 });
    await using platform = await startPlatform({ projectDir: folder });
    const answer = await fetch(`${platform.url}/whoami`, {
      headers: { authorization: `Bearer ${platform.adminToken}` },
    });
    expect(answer.status).toBe(200);
    expect(await platform.stop()).toBe(0);
  });

  it.runIf(IS_ROOT)(
    'runs from a clone and a data folder under a home that is closed to others',
    async () => {
      const home = await temporaryFolder();
      await chmod(home, 0o700);
      const clone = join(home, 'clone');
      await copyProject(clone);
      await using platform = await startPlatform({
        projectDir: clone,
        dataDir: join(home, 'data'),
      });
      const answer = await fetch(`${platform.url}/whoami`, {
        headers: { authorization: `Bearer ${platform.adminToken}` },
      });
      expect(answer.status).toBe(200);
      expect((await stat(home)).mode & 0o777).toBe(0o700);
      expect(await platform.stop()).toBe(0);
    },
  );
});

/** Packages as hard links where the file system allows it. */
async function copyProject(target: string): Promise<void> {
  const copy = (...args: string[]) => promisify(execFile)('cp', args);
  await mkdir(target);
  await copyFile(join(PROJECT_DIR, 'package.json'), join(target, 'package.json'));
  for (const part of ['bin', 'src', 'hooks', 'migrations']) {
    await copy('-a', join(PROJECT_DIR, part), target);
  }
  const packages = join(PROJECT_DIR, 'node_modules');
  await copy('-al', packages, target).catch(() => copy('-a', packages, target));
}
