/**
 * Tries, from inside a real sandbox and before any function runs, what a function must not be able to do. A kernel
 * or a container that silently drops one of the protections is found out here rather than by a tenant.
 */
import { PlatformError } from '../protocol/errors.ts';
import type { SandboxProgram } from './ports.ts';
import type { Sandboxes } from './start-sandbox.ts';

const PROBE_MEMORY_MIB = 128;
/** It takes a tenth of a second where all is well. */
const DEADLINE_MS = 15_000;

/** Runs inside; prints one line for each thing that should not have been possible. */
const PROBE = `
const fs = require('node:fs'), os = require('node:os');
const { env } = process, found = [];
const must = (holds, problem) => { if (!holds) found.push(problem); };
const canWrite = (path) => { try { fs.writeFileSync(path, ''); return true; } catch { return false; } };
const status = fs.readFileSync('/proc/self/status', 'utf8');
must(process.getuid() === 1000, 'it runs as uid ' + process.getuid());
must(Object.keys(env).every((name) => name === 'PWD'), 'it has environment variables');
must(fs.readFileSync('/proc/1/environ', 'utf8') === '', 'it sees the environment of its launcher');
for (const path of ['/etc/shadow', '/home', '/root', '/run', '/sys', '/var'])
  must(!fs.existsSync(path), 'it sees ' + path);
for (const path of ['/x', '/usr/x', '/dev/x', '/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger'])
  must(!canWrite(path), 'it can write ' + path);
must(Object.values(os.networkInterfaces()).flat().every((i) => i.internal), 'it has a network');
must(fs.readdirSync('/proc').filter((n) => Number(n) > 0).length <= 2, 'it sees processes of others');
must(/^CapEff:\\s0+$/m.test(status) && /^CapBnd:\\s0+$/m.test(status), 'it holds capabilities');
must(/^NoNewPrivs:\\s1$/m.test(status), 'it may gain privileges');
fs.writeSync(2, found.join('\\n'));
`;

interface SelfTest {
  /** Of the sandbox. */
  name: string;
  /** The first word of its command runs the probe. */
  runtime: SandboxProgram;
  deadlineMs?: number;
}

/** @throws PlatformError `sandbox-failed` when a sandbox does not start, does not hold or does not answer. */
export async function testSandbox(sandboxes: Sandboxes, test: SelfTest): Promise<void> {
  const { name, runtime, deadlineMs = DEADLINE_MS } = test;
  const [node = ''] = runtime.command;
  const sandbox = sandboxes.start({
    name,
    program: { ...runtime, command: [node, '-e', PROBE] },
    limits: { memoryMib: PROBE_MEMORY_MIB, maxTasks: 64, tmpMib: 4, cpuWeight: 100, cpuCores: 1 },
  });
  sandbox.boot();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    sandbox.kill();
  }, deadlineMs);
  const exit = await sandbox.exited;
  clearTimeout(timer);
  await sandbox.released;
  if (isLate) throw sandboxFails(`the self-test has not ended after ${deadlineMs / 1000} s`);
  const holds = exit.code === 0 && exit.stderrTail === '';
  if (!holds) throw sandboxFails(exit.stderrTail || `ended with ${exit.signal ?? exit.code}`);
}

function sandboxFails(findings: string): PlatformError {
  return new PlatformError('sandbox-failed', `functions cannot be confined here:\n${findings}`, {
    hint: 'user namespaces must be allowed (sysctl user.max_user_namespaces; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0); in a container: --security-opt seccomp=unconfined',
  });
}
