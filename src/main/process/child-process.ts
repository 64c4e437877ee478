/**
 * What every process that the supervisor starts has in common: it takes its options from the first message, tells
 * when it serves, drains and exits when it is asked to, and never outlives the supervisor.
 *
 *     supervisor → start(options)      child → ready | failed
 *     supervisor → stop                child closes, exit 0
 *     channel closes                   child exits at once
 */
import type { Socket } from 'node:net';
import { PlatformError } from '../../protocol/errors.ts';
import type {
  FailedMessage,
  ReadyMessage,
  StartMessage,
  StopMessage,
  SupervisorNotice,
  SupervisorRequest,
} from '../../protocol/supervisor.ts';
import { armFailpoints } from '../../std/failpoint.ts';

/** The supervisor, as a child sees it. */
export interface SupervisorHost<Request = SupervisorRequest, Notice = SupervisorNotice> {
  /** The socket leaves this process. */
  send(request: Request, socket?: Socket): void;
  /** `socket` comes with `sandbox-started` and `sandbox-output` only. Listeners are never removed. */
  onNotice(listener: NoticeListener<Notice>): void;
}

type NoticeListener<Notice> = (notice: Notice, socket: Socket | undefined) => void;

export interface RunningChild {
  /** Stops accepting, finishes what was begun, and resolves when nothing is left. */
  close(): Promise<void>;
}

type ChildMain<Options, Request, Notice> = (
  options: Options,
  host: SupervisorHost<Request, Notice>,
) => Promise<RunningChild>;

/** Runs `main` with the options that the supervisor sends; to be called once, by a process's entry. */
export function startChild<Options, Request = SupervisorRequest, Notice = SupervisorNotice>(
  main: ChildMain<Options, Request, Notice>,
): void {
  const listeners: NoticeListener<Notice>[] = [];
  const host: SupervisorHost<Request, Notice> = {
    send,
    onNotice: (listener) => void listeners.push(listener),
  };
  let starting: Promise<RunningChild> | null = null;

  process.on('disconnect', () => process.exit(1));
  // The terminal sends its signals to the whole group; who drains when is for the supervisor to say.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('message', (message, handle) => {
    const received = message as StartMessage<Options> | StopMessage | { type: null };
    if (received.type === 'start') {
      armFailpoints(received.failpoints ?? null);
      starting ??= start(() => main(received.options, host));
    } else if (received.type === 'stop') {
      void stop(starting);
    } else {
      for (const listener of listeners) listener(message as Notice, handle as Socket | undefined);
    }
  });
}

async function start(main: () => Promise<RunningChild>): Promise<RunningChild> {
  try {
    const running = await main();
    const ready: ReadyMessage = { type: 'ready' };
    send(ready);
    return running;
  } catch (error) {
    if (!(error instanceof PlatformError)) console.error(error);
    await sendLast(failedMessage(error));
    return process.exit(1);
  }
}

async function stop(starting: Promise<RunningChild> | null): Promise<void> {
  try {
    await (await starting)?.close();
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
}

function failedMessage(error: unknown): FailedMessage {
  if (!(error instanceof PlatformError)) {
    return { type: 'failed', code: 'internal', message: String(error) };
  }
  const failed: FailedMessage = { type: 'failed', code: error.code, message: error.message };
  if (error.hint !== undefined) failed.hint = error.hint;
  return failed;
}

/** A channel that has closed is no error here: `disconnect` ends this process. */
function send(message: unknown, socket?: Socket): void {
  if (process.connected) process.send?.(message, socket, undefined, () => {});
}

/** Resolves when the message has left this process, which may exit then. */
function sendLast(message: FailedMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) return resolve();
    process.send(message, undefined, undefined, () => resolve());
  });
}
