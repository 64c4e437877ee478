/** Asks the kernel, from inside real sandboxes; filter.test.ts runs the filter by itself, for every number. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxExit } from '../../../src/protocol/supervisor.ts';
import { NAMESPACE_FLAGS } from '../../../src/sandbox/seccomp/argument-rules.ts';
import { ARCHITECTURES, type Architecture } from '../../../src/sandbox/seccomp/call-numbers.ts';
import { compileFilter } from '../../../src/sandbox/seccomp/filter.ts';
import { type Decision, sandboxPolicy } from '../../../src/sandbox/seccomp/policy.ts';
import { tinyProgram } from '../../../src/sandbox/self-test/tiny-program.ts';
import { descendantsOf } from '../../support/processes.ts';
import { openSandboxLab, type SandboxLab } from '../../support/sandbox.ts';
import { callingProgram, fireCalls } from '../../support/system-calls.ts';

const { numbers, auditArch } = ARCHITECTURES[process.arch] as Architecture;
const number = (call: string): number => numbers.get(call) ?? NaN;

const ERRNO = 0x50000;
const isRefusal = (decision: Decision | undefined): decision is number =>
  typeof decision === 'number' && decision >= ERRNO && decision < ERRNO + 4096;

const { decisions } = sandboxPolicy();
/** Newer kernels ask no filter about these, and end a program that makes them by itself with SIGILL. */
const UNFILTERED = ['uretprobe', 'uprobe'];
const REFUSED = [...numbers]
  .filter(([name]) => !UNFILTERED.includes(name))
  .map(([name, nr]) => ({ name, nr, decision: decisions.get(name) }))
  .flatMap(({ name, nr, decision }) =>
    isRefusal(decision) ? [{ name, nr, error: decision - ERRNO }] : [],
  );
const [EPERM, ENOTTY, ENOSYS, ENOTSOCK, EFAULT] = [1, 25, 38, 88, 14] as const;
const [ENOPROTOOPT, EPROTONOSUPPORT, EAFNOSUPPORT] = [92, 93, 97] as const;
/** No kernel says this: what answers it is the filter. */
const MARK = 3000;
const ORDINARY_UID = 65_534;

let lab: SandboxLab;
/** Says MARK for whatever is refused, and for calls that are not known. */
let marking: SandboxLab;
beforeAll(async () => {
  lab = await openSandboxLab();
  const marked = [...decisions].map(([name, decision]): [string, Decision] => [
    name,
    isRefusal(decision) ? ERRNO + MARK : decision,
  ]);
  const policy = { decisions: new Map(marked), otherwise: ERRNO + MARK };
  marking = await openSandboxLab({ filter: compileFilter({ auditArch, numbers }, policy) });
});
afterAll(async () => {
  await lab.close();
  await marking.close();
});

describe('inside a sandbox', () => {
  const calls = REFUSED.map(({ nr }) => [nr]);

  it('every refused call fails as the policy says (S1, S2, S3)', async () => {
    const errors = await fireCalls(lab, calls);
    expect(REFUSED.length).toBeGreaterThan(90);
    expect(REFUSED.map(({ name }, i) => [name, errors[i]])).toEqual(
      REFUSED.map(({ name, error }) => [name, error]),
    );
  });

  it('it is the filter that refuses, not the want of a privilege', async () => {
    const errors = await fireCalls(marking, calls);
    expect(REFUSED.filter((_, i) => errors[i] !== MARK)).toEqual([]);
  });

  it('a number that is in no table is refused by the filter', async () => {
    const known = new Set(numbers.values());
    const unknown = Array.from({ length: 1024 }, (_, nr) => nr).filter((nr) => !known.has(nr));
    const beyond = [0x4000_0000, 0x4000_0027, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
    const all = [...unknown, ...beyond].map((nr) => [nr]);
    expect(new Set(await fireCalls(marking, all))).toEqual(new Set([MARK]));
    expect(new Set(await fireCalls(lab, all))).toEqual(new Set([ENOSYS]));
  });

  it.runIf(process.getuid?.() === 0)(
    'every refused call fails in the same way where an ordinary user runs the platform',
    async () => {
      const code = `
        import { openSandboxLab } from ${JSON.stringify(resolve('test/support/sandbox.ts'))};
        import { fireCalls } from ${JSON.stringify(resolve('test/support/system-calls.ts'))};
        const lab = await openSandboxLab();
        console.log(JSON.stringify(await fireCalls(lab, ${JSON.stringify(calls)})));
        await lab.close();
      `;
      const id = String(ORDINARY_UID);
      const user = ['--reuid', id, '--regid', id, '--clear-groups', '--'];
      const node = [process.execPath, '--input-type=module', '-e', code];
      const { stdout } = await promisify(execFile)('setpriv', [...user, ...node]);
      expect(JSON.parse(stdout)).toEqual(REFUSED.map(({ error }) => error));
    },
  );

  it('tries at namespaces leave none behind, and no process (S1)', async () => {
    const flags = NAMESPACE_FLAGS.map((flag) => [number('clone'), flag | 17]);
    const others = NAMESPACE_FLAGS.map((flag) => [number('unshare'), flag]);
    const attempts = [...flags, ...others, [number('clone3'), 0, 88], [number('setns'), 0, 0]];
    const sandbox = lab.startProgram(await callingProgram(lab, attempts));
    sandbox.boot();
    await once(sandbox.socket, 'data');
    const before = processesInNamespaces();
    sandbox.socket.write('!');
    const [errors] = (await once(sandbox.socket, 'data')) as [Buffer];
    const expected = attempts.map(([nr]) => (nr === number('clone3') ? ENOSYS : EPERM));
    expect(String(errors)).toBe(expected.join(' '));
    expect(processesInNamespaces()).toEqual(before);
    sandbox.kill();
    await sandbox.released;
  });

  it('terminals cannot be typed into, and other requests reach their devices', async () => {
    const requests = [0x5412, 0x541c, 0x5423, 2 ** 32 + 0x5412, 0x5401];
    const errors = await fireCalls(
      lab,
      requests.map((request) => [number('ioctl'), 0, request]),
    );
    expect(errors).toEqual([EPERM, EPERM, EPERM, EPERM, ENOTTY]);
  });

  it('sockets are of the families that functions speak (S4)', async () => {
    const usual = new Set([1, 2, 10, 16]);
    const families = Array.from({ length: 51 }, (_, family) => family);
    const errors = await fireCalls(
      lab,
      families.map((family) => [number('socket'), family, 2, 0]),
    );
    expect(errors).toEqual(families.map((family) => (usual.has(family) ? 0 : EAFNOSUPPORT)));
  });

  it('sockets are for TCP and UDP, and never raw (S4)', async () => {
    const cases: [number, number, number, number][] = [
      [2, 1, 6, 0],
      [10, 2, 17, 0],
      [16, 3, 0, 0], // the list of interfaces
      [16, 3, 15, EPROTONOSUPPORT], // the kernel's device events
      [2, 3, 1, EPERM], // ICMP
      [2, 2, 1, EPROTONOSUPPORT], // ICMP without privileges
      [10, 3, 58, EPERM],
      [2, 3, 255, EPERM],
      [2, 10, 0, EPERM],
      [2, 5, 132, EPROTONOSUPPORT], // SCTP
      [2, 1, 262, EPROTONOSUPPORT], // MPTCP
      [2, 6, 33, EPROTONOSUPPORT], // DCCP
    ];
    const errors = await fireCalls(
      lab,
      cases.map(([family, type, protocol]) => [number('socket'), family, type, protocol]),
    );
    expect(errors).toEqual(cases.map(([, , , error]) => error));
  });

  it('pairs, options and personalities are held to what is harmless', async () => {
    const cases: [number[], number][] = [
      [[number('socketpair'), 1, 1, 0, 0], EFAULT],
      [[number('socketpair'), 30, 1, 0, 0], EAFNOSUPPORT],
      [[number('setsockopt'), 0, 6, 31], ENOPROTOOPT],
      [[number('setsockopt'), 0, 6, 1], ENOTSOCK],
      [[number('personality'), 0xffffffff], 0],
      [[number('personality'), 0x40000], EPERM],
    ];
    const errors = await fireCalls(
      lab,
      cases.map(([call]) => call),
    );
    expect(errors).toEqual(cases.map(([, error]) => error));
  });
});

/** Of everything that this test has started: pid and user namespace. */
function processesInNamespaces(): string[] {
  return descendantsOf(process.pid)
    .map(({ pid }) => `${pid} ${readlinkSync(`/proc/${pid}/ns/user`)}`)
    .toSorted();
}

describe.runIf(process.arch === 'x64')('a call by another ABI (S5)', () => {
  /** neg eax; mov edi, eax; mov eax, 231 (exit_group); syscall */
  const EXIT_WITH_ERROR = 'f7d8 89c7 b8e7000000 0f05';
  const SIGSYS = 31;
  const SIGSEGV = 11;

  async function run(where: SandboxLab, code: string): Promise<SandboxExit> {
    const file = await where.place(tinyProgram('x64', code));
    const sandbox = where.startProgram({
      command: ['/tiny'],
      files: { '/tiny': file },
      environment: {},
    });
    sandbox.boot();
    return sandbox.exited;
  }

  it('does not exist: x32', async () => {
    // mov eax, 0x40000000 + 39 (getpid); syscall
    const getpid = `b827000040 0f05 ${EXIT_WITH_ERROR}`;
    expect((await run(lab, getpid)).code).toBe(ENOSYS);
    expect((await run(marking, getpid)).code).toBe(MARK % 256);
  });

  it('ends the process: i386', async () => {
    // mov eax, 20 (getpid); int 0x80
    const { code } = await run(lab, `b814000000 cd80 ${EXIT_WITH_ERROR}`);
    // A kernel without 32-bit programs knows no such interrupt.
    expect([128 + SIGSYS, 128 + SIGSEGV]).toContain(code);
  });
});
