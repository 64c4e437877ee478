/** Makes system calls inside a sandbox, whatever they are: with perl, which every Debian has. */
import { findSharedLibraries, type SandboxProgram } from '../../src/sandbox/index.ts';
import type { SandboxLab } from './sandbox.ts';

/** Its number and arguments. */
type SystemCall = readonly number[];

const PERL = '/usr/bin/perl';

/** The error of each call, 0 where there was none. */
export async function fireCalls(lab: SandboxLab, calls: readonly SystemCall[]): Promise<number[]> {
  const program = await perlProgram(lab, `${firing(calls)} syswrite(STDERR, "@errors");`);
  const sandbox = lab.startProgram(program);
  sandbox.boot();
  const { stderrTail } = await sandbox.exited;
  const errors = stderrTail.split(' ').map(Number);
  if (errors.length !== calls.length) throw new Error(`the calls were not made: ${stderrTail}`);
  return errors;
}

/** Makes the calls when told so on its socket, and stays. */
export async function callingProgram(
  lab: SandboxLab,
  calls: readonly SystemCall[],
): Promise<SandboxProgram> {
  return perlProgram(
    lab,
    `open(my $socket, '+<&=', 5); syswrite($socket, 'ready'); sysread($socket, my $go, 1);
     ${firing(calls)} syswrite($socket, "@errors"); sleep;`,
  );
}

function firing(calls: readonly SystemCall[]): string {
  const lists = calls.map((call) => `[${[...call, 0, 0, 0, 0, 0, 0].slice(0, 7).join(',')}]`);
  return `my @errors = map { my ($nr, @args) = @$_; $! = 0; syscall($nr, @args) == -1 ? $! + 0 : 0 } (${lists.join(',')});`;
}

async function perlProgram(lab: SandboxLab, script: string): Promise<SandboxProgram> {
  return {
    command: [PERL, '/probe.pl'],
    files: {
      ...(await findSharedLibraries(PERL)),
      [PERL]: PERL,
      '/probe.pl': await lab.place(script),
    },
    environment: {},
  };
}
