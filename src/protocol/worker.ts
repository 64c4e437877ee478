/**
 * Data ↔ worker, over the inherited socketpair: frames of framing.ts. Stream 0 is the worker itself; each
 * invocation has a stream id that is never reused within a worker's life.
 *
 *     data                              worker
 *                              ←   HELLO                    booted, waiting; belongs to nobody
 *       SPECIALISE             →                            what to run; the environment comes down fd 6
 *                              ←   READY | INIT_FAILED
 *
 *       INVOKE    InvokeHead   →                            one invocation; body frames follow when hasBody
 *       BODY      bytes …      →
 *       BODY_END               →
 *                              ←   HEAD   ResponseHead      or NACK (nothing was begun: try another worker)
 *                              ←   BODY   bytes …
 *                              ←   END                      or FAILED (also instead of HEAD)
 *       CANCEL                 →                            the client has gone or the time is up
 *
 *       CREDIT  u32            ↔                            flow control: the receiver consumed so many body bytes
 *       PING → PONG                                         an answer proves that the event loop turns
 *       DRAIN                  →                            finish what you have, then exit
 *                              ←   LOG  LogLine
 *
 * Flow control: each side may have WINDOW_BYTES of unacknowledged BODY payload per stream.
 * A worker that breaks the protocol is killed.
 */
export const WORKER_FRAME = {
  HELLO: 1,
  SPECIALISE: 2,
  READY: 3,
  INIT_FAILED: 4,
  INVOKE: 10,
  BODY: 11,
  BODY_END: 12,
  HEAD: 13,
  END: 14,
  FAILED: 15,
  NACK: 16,
  CANCEL: 17,
  CREDIT: 18,
  PING: 20,
  PONG: 21,
  DRAIN: 22,
  LOG: 23,
} as const;

export const WINDOW_BYTES = 256 * 1024;
/** Bodies travel in frames of at most this many bytes, so that no stream holds up the others. */
export const BODY_CHUNK_BYTES = 64 * 1024;

/** Descriptors that a sandboxed process inherits; 3 and 4 are bubblewrap's. */
export const WORKER_SOCKET_FD = 5;
export const WORKER_ENVIRONMENT_FD = 6;

/** SPECIALISE payload: u32 length of this JSON, the JSON, then the code. */
export interface SpecialiseHead {
  functionName: string;
  version: string;
  memoryMib: number;
  timeoutMs: number;
  concurrency: number;
}

/** READY payload. */
export interface ReadyHead {
  initMs: number;
  /** The handler convention that was found: `web`, `methods`, `lambda`, … */
  convention: string;
}

/** INIT_FAILED payload. */
export interface InitFailedHead {
  reason: 'threw' | 'no-handler';
  message: string;
  stack: string;
}

/** FAILED payload: the handler threw or answered something that is no response. */
export interface FailedHead {
  errorType: string;
  message: string;
  stack: string;
}
