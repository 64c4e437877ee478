/**
 * What stands around a program while it runs. There are two: bubblewrap's sandbox, and none at all, for machines where
 * no sandbox can be had and an operator insists (plain-enclosure.ts).
 */
import { ARGUMENTS_FD, bubblewrapArguments } from './bubblewrap-arguments.ts';
import type { SandboxCgroup } from './cgroup.ts';
import { killSandbox } from './kill-sandbox.ts';
import type { LaunchedProcess } from './launched-process.ts';
import type { SandboxLimits, SandboxProgram } from './ports.ts';

export interface EnclosedPlan {
  name: string;
  program: SandboxProgram;
  limits: SandboxLimits;
  hasNetwork: boolean;
  /** Null when the supervisor is not root. */
  uid: number | null;
}

export interface Enclosure {
  /** @throws what the system says when it refuses. */
  enclose(plan: EnclosedPlan): Enclosed;
}

export interface Enclosed {
  /** Comes last in the launch chain: waits for its input, then becomes the program. */
  command: readonly string[];
  environment: Readonly<Record<string, string>>;
  /** What it waits for on the descriptors of that number. */
  input: { arguments: string; filter: Buffer };
  /** Ends it with all that it has started, as far as that can be known. */
  kill(launched: LaunchedProcess, cgroup: SandboxCgroup): void;
  /** To be called when the program has ended, at once: its pid is still nobody else's. Undefined if it never was one. */
  close(pid: number | undefined): Promise<void>;
}

/** `filter`: of system calls, as `sandboxFilter` makes it. */
export function bubblewrapEnclosure(bwrap: string, filter: Buffer): Enclosure {
  return {
    enclose: ({ program, limits, hasNetwork }) => ({
      command: [bwrap, '--args', String(ARGUMENTS_FD), '--', ...program.command],
      environment: {},
      input: {
        arguments: nulTerminated(bubblewrapArguments(program, limits, hasNetwork)),
        filter,
      },
      kill: killSandbox,
      close: () => Promise.resolve(),
    }),
  };
}

function nulTerminated(words: string[]): string {
  return words.map((word) => `${word}\0`).join('');
}
