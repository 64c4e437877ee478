/** Servers that start a process when a request finds none, which is what a cold start stands beside. */
import { spawn } from 'node:child_process';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { descendantsOf } from '../../test/support/processes.ts';
import { provideDebianPackages } from './debian-packages.ts';
import { fillIn, startAlone, startNginx, startOnPort } from './peers.ts';
import { freePort, stopProcess } from './processes.ts';
import { temporaryFolder } from './temporary-folder.ts';
import type { LoadTarget } from './wrk.ts';

export interface SleepingPeer {
  name: string;
  target: LoadTarget;
  /** Resolves when the next request will find no process; all end by themselves, after a second without work. */
  untilAsleep(): Promise<void>;
}

export const SPAWNED_PER_REQUEST = 'node spawned per request';

const ASLEEP_DEADLINE_MS = 20_000;
const POLL_MS = 20;
const APACHE = '/usr/sbin/apache2';
const PASSENGER = '/usr/lib/apache2/modules/mod_passenger.so';
const UWSGI = '/usr/bin/uwsgi_python3';

type Cleanup = AsyncDisposableStack;

/** All that there are, asleep; without Passenger when not started by root, as whom its configuration runs. */
export async function startSleepingPeers(cleanup: Cleanup): Promise<SleepingPeer[]> {
  return [
    await startPhp(cleanup),
    await startUwsgi(cleanup),
    ...(process.getuid?.() === 0 ? [await startPassenger(cleanup)] : []),
    {
      name: SPAWNED_PER_REQUEST,
      target: await startAlone(cleanup, 'spawning-server.ts'),
      untilAsleep: () => Promise.resolve(),
    },
  ];
}

/** php-fpm with `pm = ondemand`, behind nginx. */
export async function startPhp(cleanup: Cleanup): Promise<SleepingPeer> {
  provideDebianPackages('/etc/php', ['php-fpm']);
  const folder = await temporaryFolder(cleanup);
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? 'root' : String(process.getuid?.());
  const conf = await fillIn('php-fpm.conf', folder, { USER: user });
  const args = ['-y', conf, '-F', ...(isRoot ? ['-R'] : [])];
  const child = spawn(await phpProgram(), args, { stdio: 'ignore' });
  cleanup.defer(() => stopProcess(child));
  return {
    name: 'nginx → php-fpm ondemand',
    target: await startNginx(cleanup, { folder, location: 'php.location' }),
    untilAsleep: () => until(() => descendantsOf(child.pid ?? 0).length === 0),
  };
}

/** Debian has the version in its name. */
async function phpProgram(): Promise<string> {
  const programs = await readdir('/usr/sbin');
  const program = programs.find((name) => /^php-fpm\d/.test(name));
  if (program === undefined)
    throw new Error('php-fpm is not in /usr/sbin: apt-get install php-fpm');
  return join('/usr/sbin', program);
}

/** uWSGI with a Python application and no worker until one is needed, behind nginx. */
async function startUwsgi(cleanup: Cleanup): Promise<SleepingPeer> {
  provideDebianPackages(UWSGI, ['uwsgi-core', 'uwsgi-plugin-python3']);
  const folder = await temporaryFolder(cleanup);
  const conf = await fillIn('uwsgi.ini', folder);
  const child = spawn(UWSGI, ['--ini', conf], { stdio: 'ignore' });
  cleanup.defer(() => stopProcess(child));
  return {
    name: 'nginx → uWSGI cheap, Python',
    target: await startNginx(cleanup, { folder, location: 'uwsgi.location' }),
    untilAsleep: () => until(() => descendantsOf(child.pid ?? 0).length === 0),
  };
}

/** Passenger in Apache, with the server of `node-server.ts`. */
async function startPassenger(cleanup: Cleanup): Promise<SleepingPeer> {
  provideDebianPackages(APACHE, ['apache2-bin']);
  provideDebianPackages(PASSENGER, ['libapache2-mod-passenger']);
  const folder = await temporaryFolder(cleanup);
  await mkdir(join(folder, 'public'));
  await chmod(folder, 0o755); // Apache's own user looks for files there first.
  const port = await freePort();
  const conf = await fillIn('passenger.conf', folder, {
    NODE: process.execPath,
    PORT: String(port),
  });
  const target = await startOnPort(cleanup, [APACHE, '-DFOREGROUND', '-f', conf], port);
  // Passenger's own processes stay; the application's is named after what it runs.
  const isApplication = ({ commandLine }: { commandLine: string }): boolean =>
    commandLine.startsWith(`Passenger NodeApp: ${folder}`) || commandLine.includes('node-loader');
  return {
    name: 'Apache → Passenger, Node',
    target,
    untilAsleep: () => until(() => !descendantsOf(process.pid).some(isApplication)),
  };
}

async function until(isAsleep: () => boolean): Promise<void> {
  const endsAt = performance.now() + ASLEEP_DEADLINE_MS;
  while (!isAsleep()) {
    if (performance.now() > endsAt) throw new Error('a peer does not go to sleep');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
