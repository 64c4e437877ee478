/** Runs the filters of both architectures in an interpreter; confined-calls.test.ts asks the kernel. */
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NAMESPACE_FLAGS } from '../../../src/sandbox/seccomp/argument-rules.ts';
import { ARCHITECTURES, type Architecture } from '../../../src/sandbox/seccomp/call-numbers.ts';
import { compileFilter, sandboxFilter } from '../../../src/sandbox/seccomp/filter.ts';
import { sandboxPolicy } from '../../../src/sandbox/seccomp/policy.ts';
import { parseFilter, runFilter } from '../../support/bpf.ts';

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const errno = (number: number): number => 0x50000 + number;
const EPERM = errno(1);
const ENOMEM = errno(12);
const EINVAL = errno(22);
const ENOSYS = errno(38);
const ENOPROTOOPT = errno(92);
const EPROTONOSUPPORT = errno(93);
const EAFNOSUPPORT = errno(97);

const KNOWN = Object.entries(ARCHITECTURES) as [string, Architecture][];

/** The answer to a call, by its number or its name. */
function answerer(name: string, { auditArch, numbers }: Architecture) {
  const filter = parseFilter(sandboxFilter(name));
  return (call: number | string, ...args: (number | bigint)[]): number => {
    const number = typeof call === 'number' ? call : numbers.get(call);
    if (number === undefined) throw new Error(`${call} has no number`);
    return runFilter(filter, { arch: auditArch, number, args: args.map(BigInt) });
  };
}

describe.each(KNOWN)('the filter for %s', (name, architecture) => {
  const answer = answerer(name, architecture);
  const names = new Map([...architecture.numbers].map(([call, number]) => [number, call]));

  it('gives every number the answer that the policy says, and the unknown ENOSYS', () => {
    const { decisions } = sandboxPolicy();
    const wrong: string[] = [];
    for (let number = 0; number < 1024; number += 1) {
      const call = names.get(number);
      const decision = call === undefined ? ENOSYS : decisions.get(call);
      if (typeof decision === 'object') continue; // By arguments: below.
      if (answer(number) !== decision) wrong.push(`${number} ${call}`);
    }
    expect(wrong).toEqual([]);
  });

  it('knows nothing above its table: other ABIs, negative numbers, what kernels will add', () => {
    const above = [471, 512, 547, 548, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, -1];
    const x32 = [...names.keys()].map((number) => number + 0x4000_0000);
    for (const number of [...above, ...x32]) expect(answer(number), `${number}`).toBe(ENOSYS);
  });

  it('ends a program that calls by another architecture', () => {
    const filter = parseFilter(sandboxFilter(name));
    // i386, arm, and each 64-bit one's opposite
    for (const arch of [0x40000003, 0x40000028, 0, ~architecture.auditArch >>> 0]) {
      for (const number of [0, 1, 20, 39, 1024]) {
        expect(runFilter(filter, { arch, number })).toBe(KILL_PROCESS);
      }
    }
  });

  it('allows and refuses what it must, by name', () => {
    const refused = {
      [EPERM]:
        'unshare setns mount umount2 pivot_root chroot ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp bpf perf_event_open userfaultfd add_key request_key keyctl open_by_handle_at fanotify_init init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl quotactl_fd syslog vhangup settimeofday clock_settime clock_adjtime adjtimex sethostname mbind move_pages',
      [ENOSYS]:
        'clone3 io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr memfd_secret lsm_set_self_attr open_tree_attr listns',
      [ALLOW]:
        'read openat mmap mprotect memfd_create pidfd_open eventfd2 sched_setaffinity sched_setattr futex execve wait4 exit_group seccomp landlock_restrict_self prctl getrandom statx rseq',
    };
    for (const [expected, calls] of Object.entries(refused)) {
      for (const call of calls.split(' ')) expect(answer(call), call).toBe(Number(expected));
    }
  });

  it('lets clone make threads and processes, and none in a new namespace', () => {
    // What glibc asks for: a thread, a process, posix_spawn; Go's threads.
    const ordinary = [0x3d0f00, 0x1200011, 0x4111, 0x50f00, 0x11, 0];
    for (const flags of ordinary) {
      expect(answer('clone', flags)).toBe(ALLOW);
      for (const flag of NAMESPACE_FLAGS) expect(answer('clone', flags | flag)).toBe(EPERM);
    }
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (flags) => {
        const makesOne = NAMESPACE_FLAGS.some((flag) => (flags & BigInt(flag)) !== 0n);
        expect(answer('clone', flags)).toBe(makesOne ? EPERM : ALLOW);
      }),
    );
  });

  it('compares the half of an argument that the kernel looks at', () => {
    const above = 1n << 32n;
    expect(answer('ioctl', 0, above + 0x5412n)).toBe(EPERM);
    expect(answer('clone', above)).toBe(ALLOW);
    expect(answer('socket', above + 40n, 1, 0)).toBe(EAFNOSUPPORT);
    expect(answer('socket', 2, above + 3n, 0)).toBe(EPERM);
    expect(answer('personality', above + 0x40000n)).toBe(EPERM);
  });

  it('keeps terminals from being typed into and given drivers', () => {
    const refused = [0x5412, 0x541c, 0x5423];
    for (let request = 0x5400; request < 0x5500; request += 1) {
      const expected = refused.includes(request) ? EPERM : ALLOW;
      expect(answer('ioctl', 0, request), `${request}`).toBe(expected);
    }
    for (const request of [0, 0x40049409, 0x8912, 0x80045430]) {
      expect(answer('ioctl', 0, request)).toBe(ALLOW);
    }
  });

  it('makes sockets of four families, for TCP, UDP, local ones and the list of interfaces', () => {
    const flags = [0, 0o4000, 0o2000000, 0o2004000];
    for (let family = 0; family <= 50; family += 1) {
      for (let type = 0; type < 16; type += 1) {
        for (const protocol of [0, 1, 2, 6, 15, 17, 33, 58, 115, 132, 136, 255, 256, 262]) {
          const expected = expectedSocket(family, type, protocol);
          for (const flag of flags) {
            const title = `${family} ${type | flag} ${protocol}`;
            expect(answer('socket', family, type | flag, protocol), title).toBe(expected);
          }
        }
      }
    }
  });

  it('makes pairs of local sockets only', () => {
    for (let family = 0; family <= 50; family += 1) {
      for (let type = 0; type < 16; type += 1) {
        const isLocal = family === 1;
        const isUsual = [1, 2, 5].includes(type);
        const refused = isLocal ? EPROTONOSUPPORT : EAFNOSUPPORT;
        expect(answer('socketpair', family, type, 0)).toBe(isLocal && isUsual ? ALLOW : refused);
      }
    }
  });

  it('puts no protocol on top of TCP, and leaves other socket options alone', () => {
    for (const level of [0, 1, 6, 17, 41]) {
      for (let option = 0; option < 64; option += 1) {
        const isUlp = level === 6 && option === 31;
        expect(answer('setsockopt', 5, level, option)).toBe(isUlp ? ENOPROTOOPT : ALLOW);
      }
    }
  });

  it('gives no pages beside the memory limit, and memory otherwise as it is asked for', () => {
    // What V8 and the C library ask for: private, anonymous, without reserve, at an address, a stack, a file.
    for (const flags of [0x22, 0x4022, 0x32, 0x20022, 0x812, 0x1, 0]) {
      expect(answer('mmap', 0, 4096, 7, flags)).toBe(ALLOW);
      expect(answer('mmap', 0, 4096, 7, flags | 0x40000)).toBe(ENOMEM);
    }
    expect(answer('memfd_create', 0x40000, 1)).toBe(ALLOW);
    expect(answer('memfd_create', 0, 5)).toBe(ENOMEM);
    expect(answer('shmget', 0, 0x40000, 0o1600)).toBe(ALLOW);
    expect(answer('shmget', 0, 0, 0o5600)).toBe(ENOMEM);
  });

  it('keeps no core for itself', () => {
    for (let option = 0; option < 128; option += 1) {
      expect(answer('prctl', option)).toBe(option === 62 ? EINVAL : ALLOW);
    }
  });

  it('changes no personality', () => {
    expect(answer('personality', 0)).toBe(ALLOW);
    expect(answer('personality', 0xffff_ffff)).toBe(ALLOW);
    for (const other of [8, 0x20000, 0x40000, 0x400000]) {
      expect(answer('personality', other)).toBe(EPERM);
    }
  });

  it('answers the same whatever ranges the numbers make', () => {
    const call = fc.record({
      number: fc.nat(2000),
      verdict: fc.constantFrom(ALLOW, EPERM, ENOSYS),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(call, { minLength: 1, maxLength: 300, selector: (c) => c.number }),
        (calls) => {
          const numbers = new Map(calls.map(({ number }) => [`call ${number}`, number]));
          const decisions = new Map(calls.map((c) => [`call ${c.number}`, c.verdict]));
          const auditArch = 1;
          const program = compileFilter({ auditArch, numbers }, { decisions, otherwise: ENOSYS });
          const filter = parseFilter(program);
          for (let number = 0; number < 2001; number += 1) {
            const expected = decisions.get(`call ${number}`) ?? ENOSYS;
            expect(runFilter(filter, { arch: auditArch, number })).toBe(expected);
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});

function expectedSocket(family: number, type: number, protocol: number): number {
  const isInternet = family === 2 || family === 10;
  if (family === 1) return [1, 2, 5].includes(type) ? ALLOW : EPROTONOSUPPORT;
  if (family === 16) return [2, 3].includes(type) && protocol === 0 ? ALLOW : EPROTONOSUPPORT;
  if (!isInternet) return EAFNOSUPPORT;
  if (type === 1 && [0, 6].includes(protocol)) return ALLOW;
  if (type === 2 && [0, 17].includes(protocol)) return ALLOW;
  return [3, 10].includes(type) ? EPERM : EPROTONOSUPPORT;
}

describe('the policy', () => {
  const { decisions } = sandboxPolicy();

  it.each(KNOWN)('decides every call of %s', (_, { numbers }) => {
    expect([...numbers.keys()].filter((call) => !decisions.has(call))).toEqual([]);
  });

  it('names no call that no architecture has', () => {
    const known = new Set(KNOWN.flatMap(([, { numbers }]) => [...numbers.keys()]));
    expect([...decisions.keys()].filter((call) => !known.has(call))).toEqual([]);
  });

  it('refuses a processor that it has no table for, in words', () => {
    expect(() => sandboxFilter('riscv64')).toThrow(/riscv64.*cannot be confined/);
  });
});

/** Where Debian's linux-libc-dev puts the tables. */
const HEADERS: Record<string, { file: string; pattern: RegExp }> = {
  x64: {
    file: '/usr/include/x86_64-linux-gnu/asm/unistd_64.h',
    pattern: /#define __NR_(?<call>\w+) (?<number>\d+)/g,
  },
  arm64: {
    file: '/usr/include/asm-generic/unistd.h',
    pattern: /#define __NR(?:3264)?_(?<call>\w+) (?<number>\d+)/g,
  },
};

describe.each(KNOWN)('the numbers of %s', (name, { numbers }) => {
  it("are those of the kernel's headers", ({ skip }) => {
    const { file, pattern } = HEADERS[name] ?? { file: '', pattern: / /g };
    if (!existsSync(file)) skip('no kernel headers here');
    let compared = 0;
    for (const { groups } of readFileSync(file, 'utf8').matchAll(pattern)) {
      const { call, number } = { call: groups?.['call'] ?? '', number: Number(groups?.['number']) };
      if (isForeign(call, number)) continue;
      expect([call, numbers.get(call === 'fstatat' ? 'newfstatat' : call)]).toEqual([call, number]);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(250);
  });
});

/** Of 32 bits, of other machines, or no call. */
function isForeign(call: string, number: number): boolean {
  const is32Bit = number >= 403 && number <= 423;
  return is32Bit || ['arch_specific_syscall', 'sync_file_range2', 'syscalls'].includes(call);
}
