/**
 * Worker ↔ egress process, where sandboxes have no network: over a socket that the worker inherits, frames of
 * framing.ts. A stream is a connection or a question, and its number is never used again.
 *
 *     worker                                egress process
 *       OPEN  ConnectTarget            →
 *                                      ←   OPENED  ConnectedTo      or REFUSED  Refusal, which ends the stream
 *       DATA  bytes …                  ↔   CREDIT  u32              flow control, see relay-stream.ts
 *       END                            ↔                            this side sends no more; both have, or RESET
 *       LOOKUP  name                   →
 *                                      ←   FOUND  string[]          or REFUSED
 *       QUERY  DNS message             →                            at most 1 024 bytes
 *                                      ←   ANSWER  DNS message      or REFUSED
 *                                      ←   NOTICE  text             for the app's log, on stream 0
 *
 * The function shares the worker's process: the other end believes nothing, and a frame that breaks this ends the
 * channel.
 */
import { RELAY_FRAME } from './relay-stream.ts';

export const CHANNEL_FRAME = {
  ...RELAY_FRAME,
  LOOKUP: 40,
  FOUND: 41,
  NOTICE: 42,
  QUERY: 43,
  ANSWER: 44,
} as const;

/** Tells a worker that it has one. */
export const CHANNEL_ARGUMENT = '--egress-channel';
/** The worker's end. */
export const WORKER_CHANNEL_FD = 7;

/** Of the other end, until it is not told otherwise: a name or an address, to be connected to by TCP. */
export interface ConnectTarget {
  host: string;
  port: number;
}

/** Where the connection leads. */
export interface ConnectedTo {
  address: string;
}

/** As an error of node:net or node:dns. */
export interface Refusal {
  code: string;
  message: string;
}

/** Connections and questions of one sandbox at a time. */
export const MAX_CHANNEL_STREAMS = 256;
/** Larger frames break the protocol: DATA comes in pieces far below. */
export const MAX_CHANNEL_FRAME_BYTES = 128 * 1024;
