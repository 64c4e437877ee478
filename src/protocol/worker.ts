/**
 * Data ↔ worker, over the inherited socketpair: frames of framing.ts. Stream 0 is the worker itself; each
 * invocation has a stream id that is never reused within a worker's life.
 *
 *     data                              worker
 *                              ←   HELLO                    booted, waiting; belongs to nobody
 *       SPECIALISE             →                            what to run; the environment comes down fd 6, as one line
 *                              ←   READY | INIT_FAILED
 *
 *       INVOKE    InvokeHead   →                            one invocation; body frames follow when hasBody
 *       BODY      bytes …      →
 *       BODY_END  trailers     →
 *                              ←   NACK                     nothing was begun: try another worker
 *                              ←   REPLY  ResponseHead+body the whole response at once, or
 *                              ←   HEAD   ResponseHead
 *                              ←   BODY   bytes …
 *                              ←   END    trailers          or FAILED, also instead of HEAD
 *       CANCEL    u8           →                            CANCEL_REASON
 *
 *       CREDIT  u32            ↔                            flow control: the receiver consumed so many body bytes
 *       PING → PONG                                         an answer proves that the event loop turns; one waits for HELLO
 *       DRAIN                  →                            finish what you have, then exit
 *       MAKE_CODE_CACHE  u32   →                            of the code, now, of at most so many bytes
 *                              ←   CODE_CACHE  bytes …      each BODY_CHUNK_BYTES but the last; an empty one ends them
 *                              ←   RETIRING                 lease me no more: something went wrong in here
 *                              ←   LOG  LogFrame
 *                              ←   MEMORY  u32              the most that it ever had resident, in KiB
 *
 * Trailers are name and value of each field in turn, latin1, separated by line feeds; mostly there are none.
 *
 * Flow control: each side may have WINDOW_BYTES of unacknowledged BODY payload per stream. From the worker, a BODY is
 * never empty and counts as `windowCharge` of its length, and CREDIT to it counts alike: small frames cost more than
 * their bytes. NACK, when it comes, is the first frame of its stream, so that the body can be sent again to another
 * worker, and only a worker that has another invocation sends it, or one that retires. RETIRING comes once; later ones mean nothing.
 * A release command is specialised like a function, with `releaseArgs`: it is never READY and takes no invocation. The
 * process is its program and ends with it, by the program's own exit status; INIT_FAILED before that says what it threw.
 * One INVOKE may come right behind SPECIALISE, the frames of its body not before READY. The worker begins it when READY
 * is out: of a worker that ends without READY, nobody's request was begun. One that was cancelled before ends in NACK.
 * Exactly one of REPLY, END, FAILED and NACK ends a stream on the worker's side, also after CANCEL.
 * A worker that breaks the protocol is killed.
 */
import type { DeploymentEnvironment } from '../model/environment.ts';
import { COPY_LIMIT_BYTES, type FrameWriter } from './frame-writer.ts';

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
  REPLY: 19,
  PING: 20,
  PONG: 21,
  DRAIN: 22,
  LOG: 23,
  RETIRING: 24,
  MEMORY: 25,
  MAKE_CODE_CACHE: 26,
  CODE_CACHE: 27,
} as const;

export const WINDOW_BYTES = 256 * 1024;
/** Bodies travel in frames of at most this many bytes, also in a REPLY, so that no stream holds up the others. */
export const BODY_CHUNK_BYTES = 64 * 1024;
/** Largest frame that a worker may send: a REPLY's head and body, or the longest FAILED. */
export const MAX_WORKER_FRAME_BYTES = 3 * BODY_CHUNK_BYTES;
/** About what keeping a frame costs beside its payload. */
const MIN_WINDOW_CHARGE_BYTES = 512;

/** How much of the window a worker's BODY of that length takes. */
export function windowCharge(bytes: number): number {
  return Math.max(bytes, MIN_WINDOW_CHARGE_BYTES);
}

/** Descriptors that a sandboxed process inherits; 3 and 4 are bubblewrap's. */
export const WORKER_SOCKET_FD = 5;
export const WORKER_ENVIRONMENT_FD = 6;

/** What the supervisor writes down the worker's environment descriptor, as JSON, when it is specialised. */
export type WorkerEnvironment = DeploymentEnvironment;

/** Why an invocation is cancelled: who has gone still holds the worker until the handler settles; a timeout does not. */
export const CANCEL_REASON = { CLIENT_GONE: 0, TIMED_OUT: 1 } as const;

/** How long after its answer a worker stays for what a handler gave to `waitUntil`, also when it is to end. */
export const MAX_BACKGROUND_MS = 30_000;

/** V8's code cache of a function's code is some 1.1 times as large; a larger one is not worth its way. */
export const MAX_CODE_CACHE_BYTES = 8 * 1024 * 1024;

/** SPECIALISE payload: u32 length of this JSON, the JSON, the code cache if there is one, then the code. */
export interface SpecialiseHead {
  functionName: string;
  /** `v7`, or the commit for an unnumbered deployment. */
  version: string;
  deployment: string;
  /** Bundle file that the code is, e.g. `main.js`. */
  file: string;
  /** Repository file that it was built from: what messages name. */
  entry: string;
  memoryMib: number;
  timeoutMs: number;
  /** What the start may take; a worker that still looks for its handler says so a little earlier. */
  initTimeoutMs: number;
  concurrency: number;
  /** The pattern of path-pattern.ts that leads to the function: it names the path's parameters. */
  path: string | null;
  /** The handler convention that fn.json names; null to find it out. */
  convention: string | null;
  /** `lambda`: the body of an event is the raw text. */
  event: 'lambda' | null;
  /** The code is no function but a release command, which gets these arguments. */
  releaseArgs?: string[];
  /** Of V8's cache for the code, made by an earlier worker of the same function; absent when none comes along. */
  cacheBytes?: number;
}

/** V8 copies a cache that does not begin at a multiple of this. */
const CACHE_ALIGNMENT = 8;

/** The payload in parts, of which the large ones are what was given. */
export function specialiseParts(
  head: SpecialiseHead,
  code: Uint8Array,
  cache: Uint8Array | null = null,
): Uint8Array[] {
  if (cache === null) return [lengthAndJson(JSON.stringify(head)), code];
  const json = JSON.stringify({ ...head, cacheBytes: cache.length });
  const end = 4 + Buffer.byteLength(json);
  return [lengthAndJson(json + ' '.repeat(-end & (CACHE_ALIGNMENT - 1))), cache, code];
}

function lengthAndJson(json: string): Buffer {
  const bytes = Buffer.allocUnsafe(4 + Buffer.byteLength(json));
  bytes.writeUInt32BE(bytes.length - 4);
  bytes.write(json, 4);
  return bytes;
}

/** Views into the payload. */
export function decodeSpecialise(payload: Buffer): {
  head: SpecialiseHead;
  code: Buffer;
  cache: Buffer | null;
} {
  const cacheAt = 4 + payload.readUInt32BE(0);
  const head = JSON.parse(payload.toString('utf8', 4, cacheAt)) as SpecialiseHead;
  const codeAt = cacheAt + (head.cacheBytes ?? 0);
  if (codeAt > payload.length) throw new RangeError('the code cache ends outside of its frame');
  const cache = codeAt === cacheAt ? null : payload.subarray(cacheAt, codeAt);
  return { head, code: payload.subarray(codeAt), cache };
}

/** READY payload. */
export interface ReadyHead {
  initMs: number;
  /** The handler convention that was found: `web`, `methods`, `lambda`, … */
  convention: string;
  /** The code cache that came along was none of this V8 and its flags: the code was compiled without. */
  isCacheRejected?: true;
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

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** LOG payload. Its stream is the invocation that wrote it, or 0. */
export interface LogFrame {
  level: LogLevel;
  /** One entry, which may have several lines; empty when there is nothing to tell but `dropped`. */
  text: string;
  /** The JSON object that the entry is, as JSON; absent for other text. */
  fields?: string;
  /** Lines that were dropped before this one, because they came too fast. */
  dropped: number;
}

/** A LOG as data has it: which request its stream belongs to is known there, and no worker's claim is believed. */
export interface LogLine extends LogFrame {
  /** The request that wrote it; null outside of any. */
  requestId: string | null;
}

/**
 * HEAD payload: u16 status, u32 length of the text, then latin1 text: name and value of each header in turn,
 * separated by line feeds. In a REPLY the body follows.
 */
export const RESPONSE_HEAD_BYTES = 6;

/** Sends a REPLY; a small one is written where it is sent from, without a buffer of its own. */
export function writeReply(
  writer: FrameWriter,
  stream: number,
  { status, text, body }: { status: number; text: string; body: string | Uint8Array },
): void {
  const bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  const bytes = RESPONSE_HEAD_BYTES + text.length + bodyBytes;
  if (bytes > COPY_LIMIT_BYTES) {
    const payload = Buffer.allocUnsafe(bytes);
    fillReply(payload, 0, { status, text, body });
    writer.bytes(WORKER_FRAME.REPLY, stream, payload);
  } else {
    const at = writer.begin(WORKER_FRAME.REPLY, stream, bytes);
    fillReply(writer.buffer, at, { status, text, body });
  }
}

function fillReply(
  target: Buffer,
  at: number,
  { status, text, body }: { status: number; text: string; body: string | Uint8Array },
): void {
  const bodyAt = fillResponseHead(target, at, status, text);
  if (typeof body === 'string') target.write(body, bodyAt);
  else target.set(body, bodyAt);
}

/** Returns where the body goes. */
function fillResponseHead(target: Buffer, at: number, status: number, text: string): number {
  target.writeUInt16BE(status, at);
  target.writeUInt32BE(text.length, at + 2);
  target.write(text, at + RESPONSE_HEAD_BYTES, 'latin1');
  return at + RESPONSE_HEAD_BYTES + text.length;
}

export interface ResponseHead {
  status: number;
  text: string;
  /** What follows the head: the body of a REPLY. */
  rest: Buffer;
}

export function encodeResponseHead(status: number, text: string): Buffer {
  const head = Buffer.allocUnsafe(RESPONSE_HEAD_BYTES + text.length);
  fillResponseHead(head, 0, status, text);
  return head;
}

/** Null when the payload is no response head. */
export function decodeResponseHead(payload: Buffer): ResponseHead | null {
  if (payload.length < RESPONSE_HEAD_BYTES) return null;
  const end = RESPONSE_HEAD_BYTES + payload.readUInt32BE(2);
  if (end > payload.length) return null;
  return {
    status: payload.readUInt16BE(0),
    text: payload.toString('latin1', RESPONSE_HEAD_BYTES, end),
    rest: payload.subarray(end),
  };
}
