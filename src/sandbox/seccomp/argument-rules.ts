/**
 * Calls that are allowed or not by their arguments. A filter sees an argument's 64 bits; those looked at here are
 * `int`s to the kernel, which drops the upper half, and so does the filter: one that compared all 64 bits could be
 * passed by setting one above (CVE-2019-10063). What an argument points to is out of a filter's sight.
 */
import { ALLOW, refuse, type Verdict } from './verdict.ts';

export interface ArgumentRule {
  call: string;
  why: string;
  /** The first case of which all conditions hold decides. */
  cases: readonly Case[];
  otherwise: Verdict;
}

export interface Case {
  where: readonly Condition[];
  verdict: Verdict;
}

/** `argument` counts from 0. */
export type Condition =
  | { argument: number; anyBitOf: number }
  | { argument: number; mask?: number; oneOf: readonly number[] };

/** linux/sched.h: of mount, cgroup, UTS, IPC, user, pid and network, and of time (within the exit signal's byte). */
export const NAMESPACE_FLAGS = [
  0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000, 0x80,
] as const;

/** asm-generic/ioctls.h */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const TIOCSETD = 0x5423;

const AF = { unix: 1, inet: 2, inet6: 10, netlink: 16 } as const;
const SOCK = { stream: 1, dgram: 2, raw: 3, seqpacket: 5, packet: 10 } as const;
/** The rest of a socket's type are the flags SOCK_CLOEXEC and SOCK_NONBLOCK (linux/net.h). */
const SOCK_TYPE_MASK = 0xf;
/** 0 chooses the family's own: TCP for streams, UDP for datagrams. */
const IPPROTO = { default: 0, tcp: 6, udp: 17 } as const;
const NETLINK_ROUTE = 0;

const SOL_TCP = 6;
const TCP_ULP = 31;

/** asm-generic/mman-common.h, linux/memfd.h and linux/shm.h */
const MAP_HUGETLB = 0x4_0000;
const MFD_HUGETLB = 0x4;
const SHM_HUGETLB = 0o4000;

const PR_SCHED_CORE = 62;

/** personality(2); the second asks for the present one. */
const PER_LINUX = 0;
const PER_QUERY = 0xffff_ffff;

export const ARGUMENT_RULES: readonly ArgumentRule[] = [
  {
    call: 'clone',
    why: 'threads and processes, but in no new namespace',
    cases: [
      { where: [{ argument: 0, anyBitOf: sumOf(NAMESPACE_FLAGS) }], verdict: refuse('EPERM') },
    ],
    otherwise: ALLOW,
  },
  {
    call: 'ioctl',
    why: 'no typing into a terminal (CVE-2017-5226), no line disciplines: the kernel loads old drivers for them',
    cases: [{ where: [is(1, TIOCSTI, TIOCLINUX, TIOCSETD)], verdict: refuse('EPERM') }],
    otherwise: ALLOW,
  },
  {
    call: 'socket',
    why: 'the families that functions speak, with TCP and UDP; others are large, seldom used, loaded on demand',
    cases: [
      { where: [is(0, AF.unix), type(SOCK.stream, SOCK.dgram, SOCK.seqpacket)], verdict: ALLOW },
      {
        where: [internet(), type(SOCK.stream), is(2, IPPROTO.default, IPPROTO.tcp)],
        verdict: ALLOW,
      },
      {
        where: [internet(), type(SOCK.dgram), is(2, IPPROTO.default, IPPROTO.udp)],
        verdict: ALLOW,
      },
      // What the C library asks for the machine's interfaces.
      {
        where: [is(0, AF.netlink), type(SOCK.raw, SOCK.dgram), is(2, NETLINK_ROUTE)],
        verdict: ALLOW,
      },
      // The kernel's own answer to the unprivileged.
      { where: [internet(), type(SOCK.raw, SOCK.packet)], verdict: refuse('EPERM') },
      { where: [is(0, ...Object.values(AF))], verdict: refuse('EPROTONOSUPPORT') },
    ],
    otherwise: refuse('EAFNOSUPPORT'),
  },
  {
    call: 'socketpair',
    why: 'only local sockets come in pairs',
    cases: [
      { where: [is(0, AF.unix), type(SOCK.stream, SOCK.dgram, SOCK.seqpacket)], verdict: ALLOW },
      { where: [is(0, AF.unix)], verdict: refuse('EPROTONOSUPPORT') },
    ],
    otherwise: refuse('EAFNOSUPPORT'),
  },
  {
    call: 'setsockopt',
    why: 'no protocols on top of TCP inside the kernel (TLS, SMC): CVE-2023-0461 and others',
    cases: [{ where: [is(1, SOL_TCP), is(2, TCP_ULP)], verdict: refuse('ENOPROTOOPT') }],
    otherwise: ALLOW,
  },
  {
    call: 'personality',
    why: 'no fixed addresses and no executable data by asking for an old system',
    cases: [{ where: [is(0, PER_LINUX, PER_QUERY)], verdict: ALLOW }],
    otherwise: refuse('EPERM'),
  },
  // Pages that an operator has set aside, for a database say, count against no limit of memory. A machine without any
  // answers ENOMEM, and who asks for them goes on with usual ones.
  ...[
    { call: 'mmap', argument: 3, flag: MAP_HUGETLB },
    { call: 'memfd_create', argument: 1, flag: MFD_HUGETLB },
    { call: 'shmget', argument: 2, flag: SHM_HUGETLB },
  ].map(({ call, argument, flag }) => ({
    call,
    why: 'no huge pages that were set aside: they are outside of the memory limit',
    cases: [{ where: [{ argument, anyBitOf: flag }], verdict: refuse('ENOMEM') }],
    otherwise: ALLOW,
  })),
  {
    call: 'prctl',
    why: 'no core scheduling: what asks for it keeps its neighbours off the other half of a core',
    cases: [{ where: [is(0, PR_SCHED_CORE)], verdict: refuse('EINVAL') }],
    otherwise: ALLOW,
  },
];

function is(argument: number, ...oneOf: number[]): Condition {
  return { argument, oneOf };
}

function type(...oneOf: number[]): Condition {
  return { argument: 1, mask: SOCK_TYPE_MASK, oneOf };
}

function internet(): Condition {
  return is(0, AF.inet, AF.inet6);
}

function sumOf(flags: readonly number[]): number {
  return flags.reduce((sum, flag) => sum + flag, 0);
}
