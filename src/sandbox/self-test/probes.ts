/**
 * What a function must not be able to do, as data: each runtime brings a small program that tries the list in its own
 * language (runtimes/nodejs/prober.ts is the first) and tells the names of those that succeed. Every check is harmless
 * where it succeeds: files are opened and not changed, signals are number 0.
 */

import { FILTERED_STATUS, filteredCallProgram } from './tiny-program.ts';

/** `name` completes "a function can …", for the operator who has to find out why. */
export type Probe = { name: string } & ProbeCheck;

type ProbeCheck =
  /** There is no such path. */
  | { check: 'absent'; paths: readonly string[] }
  /** A file cannot be opened for reading. */
  | { check: 'unreadable'; paths: readonly string[] }
  /** A file cannot be opened for writing; in a folder nothing can be made. */
  | { check: 'unwritable'; paths: readonly string[] }
  /** A file, when it is there, holds none of the texts. */
  | { check: 'lacks'; paths: readonly string[]; texts: readonly string[] }
  /** A file matches every regular expression, of which `^` and `$` mean lines. */
  | { check: 'matches'; path: string; patterns: readonly string[] }
  /** A folder holds no other names. */
  | { check: 'holds-only'; folder: string; names: readonly string[] }
  /** Its environment has no other names. */
  | { check: 'environment'; names: readonly string[] }
  /** A command is missing, or ends with another status than 0. */
  | { check: 'no-command'; commands: readonly (readonly string[])[] }
  /** An executable file, in base64, runs in /tmp and ends with this status. */
  | { check: 'program-ends'; program: string; status: number }
  /** A connection is refused or never made: `host:port`, or the path of a unix socket (abstract: NUL first). */
  | { check: 'no-connection'; targets: readonly ProbeTarget[] }
  /** No process but its own has one of these ids; -1 means everybody that a signal can reach. */
  | { check: 'no-process'; ids: readonly number[] }
  /** At most so many processes are seen, all of this uid. */
  | { check: 'processes'; uid: number; max: number }
  /** Only these of its open descriptors came from outside. */
  | { check: 'descriptors'; inherited: readonly number[] }
  /** No other mount can be written to, and none of them all honours setuid programs. */
  | { check: 'mounts'; writable: readonly string[] }
  /** A file system holds at most so many bytes. */
  | { check: 'size'; path: string; maxBytes: number };

export type ProbeTarget = { host: string; port: number } | { path: string };

/** What of the machine the probes look for. */
export interface ProbeFacts {
  /** The process that started the sandbox. */
  launcherPid: number;
  /** Listeners of the machine, made for the test. */
  targets: readonly ProbeTarget[];
  /** How the machine's own /proc/net shows them. */
  targetMarks: readonly string[];
  /** Paths outside, which the command that started it must not show. */
  outsidePaths: readonly string[];
  tmpBytes: number;
  shmBytes: number;
}

/** The names of bubblewrap's --dev, and /dev/shm. */
const DEVICES = ['core', 'fd', 'full', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin'];
const MORE_DEVICES = ['stdout', 'tty', 'urandom', 'zero'];
const NULL_DEVICES = ['full', 'null', 'random', 'tty', 'urandom', 'zero'];

const KERNEL_SETTINGS = ['kernel/core_pattern', 'kernel/modprobe', 'kernel/hostname'];
const MORE_SETTINGS = ['net/ipv4/ip_forward', 'vm/overcommit_memory', 'fs/suid_dumpable'];

/** What any runtime's sandbox must withstand. */
export function escapeProbes(facts: ProbeFacts): Probe[] {
  return [...fileProbes(facts), ...processProbes(facts), ...privilegeProbes(), ...netProbes(facts)];
}

function fileProbes({ tmpBytes, shmBytes }: ProbeFacts): Probe[] {
  return [
    {
      name: 'see files of the machine',
      check: 'absent',
      paths: ['/etc/shadow', '/etc/passwd', '/home', '/root', '/run', '/sys', '/var', '/boot'],
    },
    { name: 'write to its own programs', check: 'unwritable', paths: ['/', '/usr', '/dev'] },
    { name: 'write to a mount', check: 'mounts', writable: writableMounts() },
    {
      name: 'write to /proc/sys',
      check: 'unwritable',
      paths: [...KERNEL_SETTINGS, ...MORE_SETTINGS].map((setting) => `/proc/sys/${setting}`),
    },
    { name: 'press a system request key', check: 'unwritable', paths: ['/proc/sysrq-trigger'] },
    {
      name: 'read memory of the kernel',
      check: 'unreadable',
      paths: ['/proc/kcore', '/proc/kmsg'],
    },
    {
      name: 'find devices of the machine',
      check: 'holds-only',
      folder: '/dev',
      names: [...DEVICES, ...MORE_DEVICES],
    },
    { name: 'fill memory through /tmp', check: 'size', path: '/tmp', maxBytes: tmpBytes },
    { name: 'fill memory through /dev/shm', check: 'size', path: '/dev/shm', maxBytes: shmBytes },
  ];
}

function writableMounts(): string[] {
  const devices = NULL_DEVICES.map((name) => `/dev/${name}`);
  return ['/tmp', '/dev/shm', '/dev/pts', '/proc', ...devices];
}

function processProbes({ launcherPid, outsidePaths }: ProbeFacts): Probe[] {
  return [
    // Two: the first of its namespace, and itself.
    { name: 'see processes of others', check: 'processes', uid: SANDBOX_UID, max: 2 },
    { name: 'signal or trace the platform', check: 'no-process', ids: [launcherPid] },
    { name: 'signal every process at once', check: 'no-process', ids: [-1] },
    {
      name: 'read the environment of what started it',
      check: 'lacks',
      paths: ['/proc/1/environ'],
      texts: ['='],
    },
    {
      name: 'read the arguments of what started it',
      check: 'lacks',
      paths: ['/proc/1/cmdline'],
      texts: outsidePaths,
    },
    { name: 'see variables of the platform', check: 'environment', names: ['PWD'] },
    { name: 'use a descriptor of the platform', check: 'descriptors', inherited: [0, 1, 2, 5, 6] },
    {
      name: 'leave its memory in a core file',
      check: 'matches',
      path: '/proc/self/limits',
      patterns: ['^Max core file size +[01] +[01] '],
    },
  ];
}

function privilegeProbes(): Probe[] {
  return [
    {
      name: 'hold or gain privileges',
      check: 'matches',
      path: '/proc/self/status',
      patterns: ['^Uid:\\s1000\\s', '^CapEff:\\s0+$', '^CapBnd:\\s0+$', '^NoNewPrivs:\\s1$'],
    },
    ...filterProbes(),
    {
      name: 'make namespaces or mounts by a program',
      check: 'no-command',
      commands: [
        ['unshare', '--user', 'true'],
        ['unshare', '--mount', 'true'],
        ['mount', '-t', 'tmpfs', 'none', '/tmp'],
        ['nsenter', '--target', '1', '--mount', 'true'],
      ],
    },
  ];
}

/** A container around the platform may have a filter of its own, which the first one could mistake for ours. */
function filterProbes(): Probe[] {
  const program = filteredCallProgram(process.arch);
  return [
    {
      name: 'go without a filter of system calls',
      check: 'matches',
      path: '/proc/self/status',
      patterns: ['^Seccomp:\\s2$'],
    },
    ...(program === null ? [] : [filteredCallProbe(program)]),
  ];
}

function filteredCallProbe(program: Buffer): Probe {
  return {
    name: 'make a system call that the filter refuses',
    check: 'program-ends',
    program: program.toString('base64'),
    status: FILTERED_STATUS,
  };
}

function netProbes({ targets, targetMarks }: ProbeFacts): Probe[] {
  const tables = ['tcp', 'tcp6', 'unix'].map((table) => `/proc/net/${table}`);
  return [
    { name: 'reach a listener of the machine', check: 'no-connection', targets },
    { name: 'see sockets of the machine', check: 'lacks', paths: tables, texts: targetMarks },
  ];
}

const SANDBOX_UID = 1000;
