/**
 * The privilege boundary: everything that control and data may ask of the supervisor, over the IPC channel that
 * each process inherits. Requests name runtimes, sizes and slots; never a path, an argument list or an environment.
 */

/** Names one sandbox for its whole life; never used again. */
export type SlotId = string;

export type RuntimeName = 'nodejs';

export type SupervisorRequest =
  /** Boots a worker that belongs to nobody yet; `zygote-started` brings its socket. */
  | { type: 'start-zygote'; request: number; runtime: RuntimeName; memoryMib: number }
  /**
   * Gives a zygote the environment of a deployment: the supervisor writes it down a pipe of its own. `bundle`, 64 hex
   * digits, is named when it has packages beside its code: they stand in /code before the environment comes. `app` names
   * whose share of the processor it takes from then on.
   */
  | { type: 'specialise'; slot: SlotId; deployment: string; bundle?: string; app?: string }
  /** Boots a build sandbox; `builder-started` brings its socket. */
  | { type: 'start-builder'; request: number; memoryMib: number }
  | { type: 'kill'; slot: SlotId }
  /** Data's alone: a zygote has booted. From now on it need not yield the processor: somebody will wait for what it does. */
  | { type: 'booted'; slot: SlotId }
  /** Data's alone: stops a worker that nobody asks, where the machine can, until it is asked again. */
  | { type: 'freeze' | 'thaw'; slot: SlotId }
  /** Data's alone: the private key of a certificate that it serves. Answered by `certificate-key`. */
  | { type: 'open-certificate'; request: number; certificate: string }
  /** Control's alone: puts a new master key before the old one, or leaves only the newest. Answered by `master-keys`. */
  | { type: 'add-master-key' | 'retire-master-keys'; request: number }
  /** Control's alone: which sandboxes there are, and what the machine has of them. Answered by `sandboxes`. */
  | { type: 'list-sandboxes'; request: number };

export type SupervisorNotice =
  /**
   * Comes before `sandbox-started` of a zygote, with our end of its standard output (1) or error (2) as its handle: what
   * native code and child processes of a function print is for data to read.
   */
  | { type: 'sandbox-output'; slot: SlotId; descriptor: 1 | 2 }
  /** Comes with the data end of the socketpair as its handle. */
  | { type: 'sandbox-started'; request: number; slot: SlotId }
  | { type: 'sandbox-failed'; request: number; reason: string }
  /** Environment or packages could not be given (no sealed file, no such bundle): the slot is being killed. */
  | { type: 'specialise-failed'; slot: SlotId; reason: string }
  /** It comes near its memory limit: once, and only of a zygote. */
  | { type: 'near-memory-limit'; slot: SlotId }
  /** The filter of its network refuses connections, because it or its app has too many: a line for the app's log. */
  | { type: 'connections-refused'; slot: SlotId; text: string }
  | { type: 'exited'; slot: SlotId; exit: SandboxExit }
  /**
   * To control alone: the platform ends. Requests that have begun are answered within the drain time, pushes among them, and then
   * comes `stop`.
   */
  | { type: 'draining' }
  /** What the master key's file holds now: base64, newest first. */
  | { type: 'master-keys'; request: number; keys: string[] }
  | { type: 'master-keys-failed'; request: number; reason: string }
  /** PKCS #8 in PEM. */
  | { type: 'certificate-key'; request: number; key: string }
  | { type: 'certificate-key-failed'; request: number; reason: string }
  | {
      type: 'sandboxes';
      request: number;
      /** All, with those that are being started or cleared away. */
      slots: SlotId[];
      /** Of them, the workers that run. */
      workers: SlotId[];
      /** Names of the cgroups of sandboxes; null where there are none. */
      cgroups: string[] | null;
      /** Names of the folders that workers see as /code. */
      folders: string[];
    }
  /** Those that session tickets are made with from now on; base64. */
  | { type: 'ticket-keys'; keys: string };

/** How a sandboxed process ended. */
export interface SandboxExit {
  code: number | null;
  signal: string | null;
  /** The kernel ended it for its memory, by the cgroup's own counter. A runtime that gives up before says so on stderr. */
  wasOutOfMemory: boolean;
  /** The last bytes of its standard error, at most 4 KiB: why a runtime died. Empty where its reader is another. */
  stderrTail: string;
}

/** First message to a child process: everything that it needs, so that its environment can be empty. */
export interface StartMessage<Options> {
  type: 'start';
  options: Options;
  /** See std/failpoint.ts; absent but in tests. */
  failpoints?: string;
}

/** Sent to a child that shall finish what it has and exit. */
export interface StopMessage {
  type: 'stop';
}

/** Sent by a child when it serves. */
export interface ReadyMessage {
  type: 'ready';
}

/** Sent by a child that cannot start; the supervisor shows it and exits. */
export interface FailedMessage {
  type: 'failed';
  code: string;
  message: string;
  hint?: string;
}
