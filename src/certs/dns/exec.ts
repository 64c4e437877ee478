/** A program of the operator's for providers that have no file here. */
import { spawn } from 'node:child_process';
import { printable } from '../../std/printable.ts';
import { Tail } from '../../std/output-tail.ts';
import type { DnsProvider, TxtRecord } from '../ports.ts';
import { providerFailed, settingsRefused } from './provider-error.ts';

export interface ExecSettings {
  /** An absolute path. */
  program: string;
  /** Its whole environment, beside PATH. */
  environment: Readonly<Record<string, string>>;
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Many wait by themselves until name servers have what they were told. */
const DEADLINE_MS = 180_000;
/** Of the end of what it printed, for whoever looks why it failed. */
const SHOWN_BYTES = 2 * 1024;

type Action = 'add' | 'remove';
type Outcome =
  | { kind: 'ended'; code: number | null; output: string }
  | { kind: 'late'; output: string };

export function createExec(settings: ExecSettings, deadlineMs = DEADLINE_MS): DnsProvider {
  async function run(action: Action, record: TxtRecord, signal: AbortSignal): Promise<void> {
    const outcome = await runProgram(settings, [action, record.name, record.value], {
      signal,
      deadlineMs,
    });
    if (outcome.kind === 'ended' && outcome.code === 0) return;
    const output = printable(outcome.output).trim();
    const how =
      outcome.kind === 'late'
        ? `did not end within ${deadlineMs / 1_000} s`
        : `ended with ${outcome.code ?? 'a signal'}`;
    throw providerFailed(
      `${settings.program} ${action} ${record.name} ${how}: ${output || 'it printed nothing'}`,
      `Run it by hand: ${settings.program} ${action} ${record.name} ${record.value}`,
    );
  }

  return {
    name: 'exec',
    add: (record, signal) => run('add', record, signal),
    remove: (record, signal) => run('remove', record, signal),
  };
}

function runProgram(
  { program, environment }: ExecSettings,
  args: readonly string[],
  { signal, deadlineMs }: { signal: AbortSignal; deadlineMs: number },
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // A group of its own, so that what it started ends with it.
    const child = spawn(program, args, {
      env: { PATH, ...environment },
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const tail = new Tail(SHOWN_BYTES);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => void tail.push(chunk));
    }
    const settle = (done: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      done();
    };
    const end = (): void => killGroup(child.pid);
    const timer = setTimeout(() => {
      end();
      settle(() => resolve({ kind: 'late', output: tail.text() }));
    }, deadlineMs);
    const giveUp = (): void => {
      end();
      settle(() => reject(asError(signal.reason)));
    };
    signal.addEventListener('abort', giveUp, { once: true });
    child.on('error', (error) => settle(() => reject(notStarted(program, error))));
    // At `exit` what it printed last may not be read; what it left running may keep its pipes open.
    child.on('exit', (code) => {
      end();
      child.on('close', () => settle(() => resolve({ kind: 'ended', code, output: tail.text() })));
    });
  });
}

/** Negative ids are groups. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

function notStarted(program: string, error: Error): Error {
  return settingsRefused(
    `${program} could not be started: ${error.message}`,
    'Name a program as "program" in FN_DNS_PROVIDER_FILE that the platform may run: an absolute path, with the right to execute it for everybody.',
    error,
  );
}
