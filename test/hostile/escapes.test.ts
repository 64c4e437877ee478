import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { findLeftovers, remainsOf, sandboxFolders } from '../soak/leftovers.ts';
import { eventually } from '../support/eventually.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { descendantsOf, platformProcesses, survivors } from '../support/processes.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { openTestNetwork, type TestNetwork } from '../support/test-network.ts';

/** What a function tries against the machine and against other apps, looked at from both sides. */
const FIXTURE = join(import.meta.dirname, 'fixtures/intruder.cjs');
const IS_ROOT = process.getuid?.() === 0;
/** Nobody's, and outside the blocks that servers take. */
const ORDINARY_UID = 65_533;
const SECRET = 'hidden-3f9c1e7a5b';
/** A file of each repository that no bundle has. */
const MARKER = `only-in-git-${process.pid}.txt`;
const DAEMON = `left-by-an-intruder-${process.pid}`;

/** As whom the platform runs, null being whoever runs the tests, and whether its functions have a network. */
const USERS: [who: string, uid: number | null, hasNetwork: boolean][] = IS_ROOT
  ? [
      ['root, with a network for each function', null, true],
      ['root', null, false],
      ['an ordinary user', ORDINARY_UID, false],
    ]
  : [['an ordinary user', null, false]];

describe.each(USERS)('a function of a platform that runs as %s', (who, uid, hasNetwork) => {
  let network: TestNetwork | null = null;
  let platform: Platform;
  let intruder: TestRepository;
  let victim: TestRepository;
  let bystander: ChildProcess;

  async function deploy(app: string, replacements: [string, string][] = []) {
    const repository = await createRepository(platform, app);
    await commit(repository, replacements);
    const pushed = await repository.push('main');
    expect(pushed.code, pushed.output).toBe(0);
    return repository;
  }

  async function commit(repository: TestRepository, replacements: [string, string][]) {
    let code = (await readFile(FIXTURE, 'utf8')).replaceAll('DAEMON', DAEMON);
    for (const [from, to] of replacements) code = code.replaceAll(from, to);
    await repository.commit({
      'index.cjs': code,
      'fn.json': '{ "event": "lambda" }',
      [MARKER]: 'x',
    });
  }

  async function tries(app: string, what: string, body: object = {}): Promise<unknown> {
    const answer = await ask(platform, app, {
      method: 'POST',
      path: `/${what}`,
      body: JSON.stringify(body),
    });
    expect(answer.status, answer.body).toBe(200);
    return JSON.parse(answer.body) as unknown;
  }

  beforeAll(async () => {
    if (hasNetwork) network = await openTestNetwork();
    platform = await startPlatform({
      ...(uid !== null && { asUid: uid }),
      ...(network !== null && { network }),
    });
    victim = await deploy('victim');
    expect(await victim.fn('env', 'set', `HIDDEN=${SECRET}`)).toMatchObject({ code: 0 });
    expect(await tries('victim', 'secret')).toBe(SECRET.length);
    intruder = await deploy('intruder');
    // Under the platform's own uid, where there is but one, a signal would reach it.
    bystander = spawn(
      'setpriv',
      uid === null
        ? ['--no-new-privs', 'sleep', '600']
        : ['--reuid', String(uid), '--clear-groups', 'sleep', '600'],
      { stdio: 'ignore' },
    );
    await once(bystander, 'spawn');
  });
  afterAll(async () => {
    bystander.kill('SIGKILL');
    await platform[Symbol.asyncDispose]();
    await network?.close();
  });

  it('sees no process but its own, and nothing through them (S6)', async () => {
    const seen = (await tries('intruder', 'processes')) as Record<string, unknown>;
    expect(seen['environment']).toBe('empty');
    expect(seen['channel']).toBe('undefined');
    expect(new Set(Object.values(seen['roots'] as object))).toEqual(new Set(['ENOENT']));
    expect((seen['ids'] as string[]).length).toBeLessThanOrEqual(2);
  });

  it('signals nobody outside (S7)', async () => {
    const before = platformProcesses(platform.pid);
    expect(await tries('intruder', 'signals')).toEqual({ reached: [], all: 'ESRCH' });
    expect(survivors(before).length).toBe(before.length);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
  });

  it('finds no file of the machine, of the platform or of another app (S8)', async () => {
    const { dataDir } = platform;
    const inside = ['repositories', 'store', 'store/bundles', 'store/slots', 'sealed', 'postgres'];
    const paths = [
      '/etc/passwd',
      '/etc/shadow',
      '/etc/ssh',
      '/home',
      '/root',
      '/run',
      '/sys',
      '/var',
      dataDir,
      ...inside.map((name) => join(dataDir, name)),
      ...(existsSync('/run/gitfn') ? ['/run/gitfn'] : []),
      `/tmp/gitfn-${uid}`,
      import.meta.dirname,
    ];
    for (const path of inside) expect(existsSync(join(dataDir, path)), path).toBe(true);
    const found = (await tries('intruder', 'reads', { paths })) as Record<string, unknown>;
    expect(Object.entries(found).filter(([, result]) => result !== 'ENOENT')).toEqual([]);
    expect(await tries('intruder', 'reads', { paths: ['/code'] })).toEqual({ '/code': 0 });
  });

  it('lies on the machine as what git and the build made of it, never as the files of a work tree', () => {
    const roots = [platform.dataDir, '/run/gitfn', '/dev/shm'].filter((path) => existsSync(path));
    const named = execFileSync('find', [...roots, '-name', MARKER], { encoding: 'utf8' });
    expect(named).toBe('');
    expect(filesWith(MARKER, join(platform.dataDir, 'store'))).toEqual([]);
  });

  it('changes nothing that it was given, and puts no link in its place (S9)', async () => {
    const paths = ['/code/x', '/usr/x', '/x', '/dev/x', '/usr/bin/node', '/runner.cjs', '/etc/x'];
    const written = (await tries('intruder', 'writes', { paths })) as Record<string, string>;
    expect(Object.values(written).every((code) => ['EROFS', 'ENOENT'].includes(code))).toBe(true);
    expect(await tries('intruder', 'links', { paths: ['/code/node_modules', '/lib/x'] })).toEqual({
      '/code/node_modules': 'EROFS',
      '/lib/x': 'EROFS',
    });
    const slots = join(platform.dataDir, 'store/slots');
    for (const slot of readdirSync(slots)) expect(readdirSync(join(slots, slot))).toEqual([]);
  });

  it('opens no door that the machine can see, and reaches no socket of it (S17)', async () => {
    const holder = net.createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as net.AddressInfo;
    // The machine's own port is free in there, and what listens on it is seen by nobody outside.
    expect(await tries('intruder', 'listens', { port })).toBe('listens');
    holder.close();
    await once(holder, 'close');
    const connection = net.connect(port, '127.0.0.1');
    const [error] = (await once(connection, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    const abstract = net.createServer().listen(`\0hostile-${process.pid}`);
    await once(abstract, 'listening');
    const paths = [`\0hostile-${process.pid}`, '/run/gitfn', '/var/run/docker.sock'];
    expect(new Set((await tries('intruder', 'connects', { paths })) as string[])).toEqual(
      new Set(['ECONNREFUSED', 'ENOENT']),
    );
    abstract.close();
  });

  it('finds no program that would raise it (S23)', async () => {
    expect(await tries('intruder', 'setuid')).toEqual([]);
    expect(new Set((await tries('intruder', 'programs')) as string[])).toEqual(new Set(['ENOENT']));
  });

  it('meets nothing that another version or app has left in a worker (S22)', async () => {
    const clean = { global: null, file: 'ENOENT' };
    expect(await tries('victim', 'marks')).toEqual(clean);
    expect(await tries('victim', 'marks')).toEqual({ global: 'VERSION', file: 'VERSION' });
    expect(await tries('intruder', 'marks')).toEqual(clean);
    await commit(victim, [['VERSION', 'second']]);
    expect((await victim.push('main')).code).toBe(0);
    expect(await tries('victim', 'marks')).toEqual(clean);
    expect((await victim.fn('rollback')).code).toBe(0);
    expect(await tries('victim', 'marks')).toEqual(clean);
  });

  it('leaves no value of its environment on the machine (S20)', async () => {
    expect((await ask(platform, 'victim', { path: '/crash' })).status).toBe(502);
    expect(await tries('victim', 'secret')).toBe(SECRET.length);
    // Read as root where the tests are: command lines, environments, and every file of the data folder.
    const shown = readdirSync('/proc').filter((name) => Number(name) > 0 && shows(Number(name)));
    expect(shown).toEqual([]);
    expect(filesWith(SECRET, platform.dataDir)).toEqual([]);
    expect(readdirSync('/').filter((name) => name.startsWith('core'))).toEqual([]);
    expect(platform.output()).not.toContain(SECRET);
    expect((await victim.fn('logs', '--limit', '1000')).output).not.toContain(SECRET);
  });

  it('is given no variable that changes what starts it (S26)', async () => {
    const refused = ['LD_PRELOAD', 'LD_LIBRARY_PATH', 'NODE_OPTIONS', 'PATH', 'FN_URL'];
    for (const name of refused) {
      const { code, output } = await intruder.fn('env', 'set', `${name}=/tmp/x`);
      expect(code, name).not.toBe(0);
      expect(output).toContain(name);
    }
    expect(await intruder.fn('env', 'set', 'BASH_ENV=/tmp/x', 'ENV=/tmp/x')).toMatchObject({
      code: 0,
    });
    expect(await tries('intruder', 'setuid')).toEqual([]);
  });

  it('sets no cookie that other hosts would get (R12)', async () => {
    const { headers } = await ask(platform, 'intruder', { path: '/cookies' });
    expect(headers['set-cookie']).toEqual(['own=1']);
  });

  it('outlives neither its platform nor the kill of it (S24, S25)', async () => {
    expect(await tries('intruder', 'daemonise')).toBe('left');
    const all = descendantsOf(platform.pid);
    expect(all.some(({ commandLine }) => commandLine.includes(DAEMON))).toBe(true);
    const { cgroups } = findLeftovers(platform.dataDir);
    await platform.kill9();
    await eventually(() => survivors(all).length === 0);
    // Nobody is there to remove the folders of cgroups: the next start does.
    expect(findLeftovers(platform.dataDir).cgroups).toBe(cgroups);
    const left = sandboxFolders(platform.dataDir);
    await platform.restart();
    expect(sandboxFolders(platform.dataDir).filter((path) => left.includes(path))).toEqual([]);
    expect(await tries('intruder', 'daemonise')).toBe('left');
    const again = descendantsOf(platform.pid);
    expect(await platform.stop()).toBe(0);
    expect(survivors(again)).toEqual([]);
    expect(remainsOf(platform.dataDir, () => [])).toEqual([]);
    await platform.restart();
    expect(await tries('intruder', 'setuid'), who).toEqual([]);
  });
});

/** Whether the kernel shows the secret beside a process. */
function shows(pid: number): boolean {
  try {
    return ['cmdline', 'environ'].some((name) =>
      readFileSync(`/proc/${pid}/${name}`, 'latin1').includes(SECRET),
    );
  } catch {
    return false; // It has ended, or is not ours to look into.
  }
}

/** Paths below a folder whose content has the text. */
function filesWith(text: string, folder: string): string[] {
  try {
    return execFileSync('grep', ['-rlaF', text, folder], { encoding: 'utf8' }).split('\n');
  } catch {
    return []; // grep's way to say that there is none.
  }
}
