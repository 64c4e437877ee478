import type { Socket } from 'node:net';
import type { InitFailure } from '../protocol/data-plane.ts';
import type { SandboxExit } from '../protocol/supervisor.ts';
import type { LogLine } from '../protocol/worker.ts';
import type { ProcessOutput } from '../std/process-output.ts';

/** Starts sandboxed processes that speak protocol/worker.ts on their socket. */
export interface Sandboxes {
  /** Boots one that belongs to nobody; rejects with PlatformError `sandbox-failed` when it cannot. */
  start(memoryMib: number): Promise<Sandbox>;
}

export interface Sandbox {
  readonly socket: Socket;
  /** What native code and child processes print past the worker. */
  readonly output: Pick<ProcessOutput, 'listen'>;
  /**
   * Gives it the environment of a deployment, and before it the packages of the bundle when one is named; once in its
   * life; `app` says whose share of the processor it takes. When that fails, `exited` says why.
   */
  specialise(deployment: string, bundle?: string, app?: string): void;
  /** It has booted, and yields the processor no longer; absent where it never did. */
  booted?(): void;
  /** Resolves when it comes near its memory limit; absent where nobody looks. */
  readonly nearMemoryLimit?: Promise<void>;
  /** Hears what the function's log shall say while its connections are refused; absent where nobody looks. */
  onConnectionsRefused?(listener: (text: string) => void): void;
  /** Ends it at once, frozen or not; no harm when it is gone. */
  kill(): void;
  /** Stops it until `thaw`, as far as the machine can; the last of several calls counts. Absent where it never can. */
  freeze?(): void;
  thaw?(): void;
  /** Resolves when the process is gone. Never rejects. */
  readonly exited: Promise<SandboxExit>;
}

/** One worker of a function, as it is claimed. */
export interface FunctionClaim {
  app: string;
  /** Deployment and function. */
  of: string;
  memoryMib: number;
  /** It comes on top of what the app may have. */
  isOwed: boolean;
}

/** How often a function's workers have failed in a row, and for how long none is started. */
export interface FunctionFailures {
  of: string;
  failures: number;
  forMs: number;
}

/** The other data processes, which have workers of the same apps. */
export interface ClaimPort {
  /**
   * Resolves when the app may have this one as well, with what is to be called when it is there no more. Rejects with
   * PlatformError when it may not for a while.
   */
  claim(claim: FunctionClaim): Promise<() => void>;
  /** Tells the others of failures here, and of the first success after them. */
  backsOff(failures: FunctionFailures): void;
  /** In how many processes the app has workers. */
  readonly spreadOf: (app: string) => number;
}

/** The code of a bundle's file. */
export interface BundleCode {
  /** Rejects with PlatformError when the file is not there, or is not the one of that sha256 (64 hex digits) where it is given. */
  read(bundle: string, file: string, sha256?: string): Promise<Uint8Array>;
  /** Whether the bundle has packages beside its code, which a worker must see in /code. Cheap once it was asked. */
  hasPackages(bundle: string): Promise<boolean>;
}

/** What a worker had done when it made a code cache: only what had been called by then is in it. */
export type CacheStage = 'started' | 'answered';

/** V8's code caches, each of one function of one deployment. Nothing rejects: there is one, or there is none. */
export interface CodeCaches {
  /** Null when none is kept. */
  stageOf(source: FunctionSource): CacheStage | null;
  read(source: FunctionSource): Promise<Uint8Array | null>;
  /** Keeps what `makeOne` gives, in place of an earlier one. One at a time is made: another is `busy`. */
  make(
    source: FunctionSource,
    stage: CacheStage,
    makeOne: () => Promise<Uint8Array | null>,
  ): Promise<'made' | 'none' | 'busy'>;
  drop(source: FunctionSource): void;
  /** Drops those of all other deployments. */
  keepOnly(deployments: ReadonlySet<string>): void;
}

/** Where what functions say goes. Called often: must be quick and must bound what it keeps. */
export interface FunctionLog {
  /** `wasAdmitted`: there was room for it before it was parsed, and it has taken it. */
  line(source: FunctionSource, line: LogLine, wasAdmitted?: boolean): void;
  /**
   * Whether there is room for a line of so many bytes, which is not parsed yet: then it takes it. One that finds none is
   * counted. Absent where all lines are heard.
   */
  admits?(source: FunctionSource, bytes: number): boolean;
  /** So many more lines were dropped. */
  leftOut?(source: FunctionSource, count: number): void;
}

export interface FunctionSource {
  appName: string;
  deployment: string;
  functionName: string;
}

/**
 * One request as the pool sees it. The pool calls `begun` once a worker has it. When that worker refuses it, `refused`
 * follows, and `begun` again once another has it. Then come at most one `headed`, any `body`, and exactly one of
 * `replied`, `ended` and `failed`. Nothing but `begun` and `failed` comes while no worker has it.
 */
export interface Invocation {
  readonly requestId: string;
  /** The text of INVOKE, see protocol/worker.ts. */
  readonly text: string;
  readonly hasBody: boolean;
  /** The body may now be sent to `link` from its start. `coldStartMs` is null when no start was waited for. */
  begun(link: InvocationLink, stream: number, coldStartMs: number | null): void;
  /** The worker took nothing of it: the link of `begun` is not to be used any more, and the invocation waits again. */
  refused(): void;
  /** The worker consumed so many bytes of the request body. */
  credited(bytes: number): void;
  /** `headers` is the text of HEAD. A body of up to MAX_VIEW_BYTES is valid until the call returns; a longer one may be kept, read only. */
  replied(status: number, headers: string, body: Buffer): void;
  headed(status: number, headers: string): void;
  /** The receiver answers with `link.credit` for each byte that it has passed on. Whether it keeps the chunk, to be read only. */
  body(chunk: Buffer): boolean;
  /** `trailers` is the text of END. */
  ended(trailers: string): void;
  failed(failure: InvocationFailure): void;
}

/** The way to the worker that has an invocation. Calls for a stream that is over do nothing. */
export interface InvocationLink {
  /** The most memory that the worker ever had resident, as it last told; 0 before it has. */
  readonly peakMemoryKib: number;
  sendBody(stream: number, chunk: Buffer): void;
  /** `trailers` is the text of BODY_END. */
  endBody(stream: number, trailers: string): void;
  /** `bytes` is the length of one chunk that `body` got; each is credited on its own. */
  credit(stream: number, bytes: number): void;
  /** The client has gone: no more calls to the invocation. The worker is held until its handler settles. */
  cancel(stream: number): void;
  /** The worker did what the protocol forbids: it is ended, and its invocations fail. */
  breach(reason: string): void;
}

export type InvocationFailure =
  | { kind: 'threw'; errorType: string; message: string; stack: string }
  | { kind: 'timeout'; timeoutMs: number }
  | { kind: 'out-of-memory'; memoryMib: number }
  /** The worker ended or broke the protocol; `message` is fit for the caller. */
  | { kind: 'worker-gone'; message: string }
  | { kind: 'init-failed'; failure: InitFailure }
  /** No sandbox could be had, or the bundle's code could not be read. */
  | { kind: 'unavailable'; message: string }
  /** More wait already than may. */
  | { kind: 'queue-full'; retryAfterMs: number }
  | { kind: 'queue-timeout'; retryAfterMs: number }
  /** The last workers all failed; the next start is tried later. */
  | { kind: 'backing-off'; retryAfterMs: number }
  /** The app has started more workers than it may: `message` says how many. */
  | { kind: 'starts-spent'; message: string; retryAfterMs: number };
