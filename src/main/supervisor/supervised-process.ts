/**
 * One process of the platform, kept running: started with its options as the first message, started again with a
 * growing delay when it ends by itself, asked to drain when the platform stops.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { ERROR_TABLE, type ErrorCode, PlatformError } from '../../protocol/errors.ts';
import type {
  FailedMessage,
  ReadyMessage,
  StartMessage,
  SupervisorNotice,
  SupervisorRequest,
} from '../../protocol/supervisor.ts';
import { failpointFolder } from '../../std/failpoint.ts';
import { createRestartDelays } from './restart-delays.ts';

export interface ProcessSpec {
  name: string;
  /** The program and its arguments. */
  command: readonly [string, ...string[]];
  /** Extra descriptors from 4 on; 3 is the channel. Text and bytes are written down a pipe. */
  descriptors?: readonly (number | string | Buffer)[];
  /** First message; made anew for each start. */
  options: () => unknown;
  /** Before each start, when no process is there. */
  prepare?: () => void;
}

interface ProcessDeps {
  say: (line: string) => void;
  /** Each new process, before it has said anything; the returned function is called at its end. */
  onSpawn?: (child: ChildProcess) => ProcessListener | undefined;
}

export interface ProcessListener {
  /** It serves; what was sent before may have been lost. */
  ready?(): void;
  message(message: SupervisorRequest): void;
  ended(): void;
}

type Outcome = 'ready' | PlatformError;

const START_DEADLINE_MS = 120_000;

export class SupervisedProcess {
  readonly #spec: ProcessSpec;
  readonly #deps: ProcessDeps;
  readonly #delays = createRestartDelays();
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #restart: NodeJS.Timeout | null = null;
  /** Only a process that has served once is started again: a first start that fails ends the platform. */
  #phase: 'starting' | 'kept' | 'stopping' = 'starting';

  constructor(spec: ProcessSpec, deps: ProcessDeps) {
    this.#spec = spec;
    this.#deps = deps;
  }

  /** Resolves when the process serves. @throws PlatformError when the very first start fails. */
  async start(): Promise<void> {
    const outcome = await this.#spawn();
    if (outcome !== 'ready') {
      this.#child?.kill('SIGKILL');
      throw outcome;
    }
    if (this.#phase === 'starting') this.#phase = 'kept';
  }

  /** Nothing where it does not run. */
  tell(notice: SupervisorNotice): void {
    if (this.#child?.connected) this.#child.send(notice, () => {});
  }

  /** Lets it finish what it has; after the deadline it is killed. */
  async stop(deadlineMs: number): Promise<void> {
    this.#phase = 'stopping';
    if (this.#restart !== null) clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null) return;
    if (child.connected) child.send({ type: 'stop' }, () => {});
    const timer = setTimeout(() => {
      this.#deps.say(`${this.#spec.name} has not drained after ${deadlineMs / 1000} s: ended`);
      child.kill('SIGKILL');
    }, deadlineMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** One run of the process; resolves at its first word, or at its end when it had none. Never rejects. */
  #spawn(): Promise<Outcome> {
    const startedAt = performance.now();
    try {
      return this.#run(startedAt);
    } catch (error) {
      // The system is short of memory or descriptors: that passes, while the platform has to stay.
      const outcome = Promise.resolve(notStarted(this.#spec.name, String(error)));
      void this.#restartLater('it could not be made', startedAt, outcome);
      return outcome;
    }
  }

  #run(startedAt: number): Promise<Outcome> {
    this.#spec.prepare?.();
    const child = spawnWithChannel(this.#spec);
    const end = endOf(child);
    const listener = this.#deps.onSpawn?.(child);
    this.#child = child;
    const outcome = firstWord(child, this.#spec, { end, listener });
    const afterEnd = async (): Promise<void> => {
      const reason = await end;
      this.#child = null;
      listener?.ended();
      void this.#restartLater(reason, startedAt, outcome);
    };
    this.#ended = afterEnd();
    if (child.connected) child.send(startMessage(this.#spec), () => {});
    return outcome;
  }

  async #restartLater(end: string, startedAt: number, outcome: Promise<Outcome>): Promise<void> {
    const delayMs = this.#delays.next(performance.now() - startedAt);
    const first = await outcome;
    if (this.#phase !== 'kept') return;
    const { name } = this.#spec;
    const reason = first === 'ready' ? '' : `: ${first.message}`;
    this.#deps.say(`${name} ended (${end})${reason}; starting it again in ${delayMs} ms`);
    this.#restart = setTimeout(() => void this.#spawn(), delayMs);
  }
}

function startMessage({ options }: ProcessSpec): StartMessage<unknown> {
  const failpoints = failpointFolder();
  return { type: 'start', options: options(), ...(failpoints !== null && { failpoints }) };
}

function spawnWithChannel(spec: ProcessSpec): ChildProcess {
  const [file, ...args] = spec.command;
  const descriptors = spec.descriptors ?? [];
  const child = spawn(file, args, {
    cwd: '/',
    env: {},
    // Its own session: a terminal's signals are for the supervisor alone, which says who drains when.
    detached: true,
    stdio: [
      'ignore',
      'inherit',
      'inherit',
      'ipc',
      ...descriptors.map((entry) => (typeof entry === 'number' ? entry : ('pipe' as const))),
    ],
  });
  if (child.pid === undefined) return child; // It has no pipes then, and `error` follows.
  for (const [index, entry] of descriptors.entries()) {
    if (typeof entry !== 'number') writeAndEnd(child.stdio[index + 4] as Writable, entry);
  }
  return child;
}

function writeAndEnd(pipe: Writable, content: string | Buffer): void {
  pipe.on('error', () => {}); // The reader has ended, which its exit tells.
  pipe.end(content);
}

/** How it ended. A process that could not be made has no exit: `error` is all that comes. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(error.message);
    });
  });
}

interface FirstWordContext {
  end: Promise<string>;
  listener: ProcessListener | undefined;
}

/** What the process says first: that it serves, or why it can't. */
function firstWord(
  child: ChildProcess,
  { name }: ProcessSpec,
  { end, listener }: FirstWordContext,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      settle(notStarted(name, `no answer within ${START_DEADLINE_MS / 1000} s`));
      child.kill('SIGKILL');
    }, START_DEADLINE_MS);
    const settle = (outcome: Outcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    child.on('message', (raw) => {
      const message = raw as ReadyMessage | FailedMessage | SupervisorRequest;
      if (message.type === 'ready') {
        settle('ready');
        listener?.ready?.();
      }
      // It ends by itself now, and the deadline still holds for that.
      else if (message.type === 'failed') resolve(startFailure(message));
      else listener?.message(message);
    });
    void end.then((reason) => settle(notStarted(name, `ended with ${reason}`)));
  });
}

function notStarted(name: string, reason: string): PlatformError {
  return new PlatformError('unavailable', `${name} did not start: ${reason}`);
}

function startFailure(message: FailedMessage): PlatformError {
  const code = Object.hasOwn(ERROR_TABLE, message.code) ? (message.code as ErrorCode) : 'internal';
  const details = message.hint === undefined ? {} : { hint: message.hint };
  return new PlatformError(code, message.message, details);
}
