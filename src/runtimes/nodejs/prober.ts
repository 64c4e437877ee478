/**
 * Runs inside a sandbox at the start of the platform: tries each probe of sandbox/self-test/probes.ts that it is given
 * where workers get their environment, and prints those that succeed. One file without imports but types: it is mounted as it is.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import type { Probe, ProbeTarget } from '../../sandbox/self-test/probes.ts';

/** A connection that is neither made nor refused by then is dropped on its way. */
const CONNECT_MS = 1_000;
/** Of `open`, in /proc/self/fdinfo: octal. */
const CLOSE_ON_EXEC = 0o2000000;
const STDERR = 2;
const PROBES_FD = 6;

const { values } = JSON.parse(fs.readFileSync(PROBES_FD, 'utf8')) as { values: { PROBES: string } };
const probes = JSON.parse(values.PROBES) as Probe[];
const found = await Promise.all(
  probes.map(async (probe) => {
    const finding = await tryProbe(probe);
    return finding === null ? [] : [`${probe.name}: ${finding}`];
  }),
);
fs.writeSync(STDERR, [...found.flat(), `TRIED ${probes.length}\n`].join('\n'));
process.exit(0);

/** What shows that it succeeded, or null. */
async function tryProbe(probe: Probe): Promise<string | null> {
  switch (probe.check) {
    case 'absent':
      return first(probe.paths, (path) => fs.existsSync(path));
    case 'unreadable':
      return first(probe.paths, (path) => canOpen(path, fs.constants.O_RDONLY));
    case 'unwritable':
      return first(probe.paths, canWrite);
    case 'lacks':
      return first(probe.paths, (path) => probe.texts.some((text) => textOf(path).includes(text)));
    case 'matches': {
      const text = textOf(probe.path);
      return first(probe.patterns, (pattern) => !new RegExp(pattern, 'm').test(text));
    }
    case 'holds-only':
      return first(fs.readdirSync(probe.folder), (name) => !probe.names.includes(name));
    case 'environment':
      return first(Object.keys(process.env), (name) => !probe.names.includes(name));
    case 'no-command':
      return probe.commands.find(succeeds)?.join(' ') ?? null;
    case 'program-ends':
      return otherEnd(probe.program, probe.status);
    case 'no-connection':
      return firstConnection(probe.targets);
    case 'no-process':
      return first(probe.ids.map(String), (id) => !isOwn(id) && isThere(Number(id)));
    case 'processes':
      return foreignProcess(probe);
    case 'descriptors':
      return foreignDescriptor(probe.inherited);
    case 'mounts':
      return looseMount(probe.writable);
    case 'size': {
      const { blocks, bsize } = fs.statfsSync(probe.path);
      return blocks * bsize > probe.maxBytes ? `${blocks * bsize} bytes` : null;
    }
    default:
      return `no such check: ${JSON.stringify(probe satisfies never)}`;
  }
}

function first(candidates: readonly string[], isFound: (candidate: string) => boolean) {
  return candidates.find(isFound) ?? null;
}

function canOpen(path: string, flags: number): boolean {
  try {
    fs.closeSync(fs.openSync(path, flags));
    return true;
  } catch {
    return false;
  }
}

function canWrite(path: string): boolean {
  if (!fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    return canOpen(path, fs.constants.O_WRONLY);
  }
  try {
    fs.rmdirSync(fs.mkdtempSync(`${path}/gitfn-probe-`));
    return true;
  } catch {
    return false;
  }
}

function succeeds([file = '', ...args]: readonly string[]): boolean {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  return spawnSync(file, args, { env, stdio: 'ignore' }).status === 0;
}

function otherEnd(program: string, status: number): string | null {
  const folder = fs.mkdtempSync('/tmp/gitfn-probe-');
  const file = `${folder}/program`;
  fs.writeFileSync(file, Buffer.from(program, 'base64'), { mode: 0o700 });
  const end = spawnSync(file, { env: {}, stdio: 'ignore' });
  fs.rmSync(folder, { recursive: true });
  return end.status === status
    ? null
    : `ended with ${end.status ?? end.signal ?? end.error?.message}`;
}

function textOf(path: string): string {
  try {
    return fs.readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

async function firstConnection(targets: readonly ProbeTarget[]): Promise<string | null> {
  const made = await Promise.all(targets.map(connects));
  return made.includes(true) ? JSON.stringify(targets[made.indexOf(true)]) : null;
}

function connects(target: ProbeTarget): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ ...target, timeout: CONNECT_MS });
    const end = (isMade: boolean): void => {
      socket.destroy();
      resolve(isMade);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}

/** Threads have ids of the same kind, and that of a process outside may happen to be one of ours. */
function isOwn(id: string): boolean {
  return ['1', 'self'].some((process) => fs.existsSync(`/proc/${process}/task/${id}`));
}

function isThere(id: number): boolean {
  if (id > 0 && fs.existsSync(`/proc/${id}`)) return true;
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function foreignProcess({ uid, max }: { uid: number; max: number }): string | null {
  const ids = fs.readdirSync('/proc').filter((name) => Number(name) > 0);
  if (ids.length > max) return `${ids.length} of them`;
  return first(ids, (id) => !textOf(`/proc/${id}/status`).includes(`\nUid:\t${uid}\t`));
}

function foreignDescriptor(inherited: readonly number[]): string | null {
  const fds = fs.readdirSync('/proc/self/fd').filter((fd) => !inherited.includes(Number(fd)));
  const targets = new Map(fds.map((fd) => [fd, linkOf(`/proc/self/fd/${fd}`)]));
  const all = [...targets.values()];
  for (const [fd, target] of targets) {
    const isFile = target.startsWith('/') && !/^\/(dev\/null$|proc\/)/.test(target);
    // Node has both ends of the pipes that it makes.
    const isLoneEnd = target.startsWith('pipe:') && all.indexOf(target) === all.lastIndexOf(target);
    if (isFile || isLoneEnd || target.startsWith('socket:') || isKeptOpen(fd)) {
      return `${fd}, ${target}`;
    }
  }
  return null;
}

function linkOf(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    return '';
  }
}

/** What a program opens by itself is closed when it is replaced; Node sees to that for the first 16 that it is given. */
function isKeptOpen(fd: string): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(textOf(`/proc/self/fdinfo/${fd}`))?.[1];
  return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
}

function looseMount(writable: readonly string[]): string | null {
  for (const line of textOf('/proc/self/mounts').split('\n')) {
    const [, path = '', , list = ''] = line.split(' ');
    if (path === '') continue;
    const options = list.split(',');
    if (!options.includes('nosuid')) return `${path} honours setuid programs`;
    if (options.includes('rw') && !writable.includes(path)) return path;
  }
  return null;
}
