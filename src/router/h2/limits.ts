/** What one connection of HTTP/2 may cost, and all of one peer's. */
import type { performServerHandshake } from 'node:http2';

type SessionOptions = NonNullable<Parameters<typeof performServerHandshake>[1]>;

export interface H2Limits {
  /** Streams at a time of one address, as many as it may have connections: who opens HTTP/2 gets no more work done by it. */
  maxStreamsPerPeer: number;
  /** Streams at a time of all, as many as there may be connections. */
  maxStreams: number;
  /** How long a connection may be without a stream before its first, and after it. */
  firstRequestMs: number;
  idleMs: number;
  /** While there are more than this, each some 100 KiB of this process, are kept no longer than those of HTTP/1.1. */
  manySessions: number;
  idleMsOfMany: number;
  /** See `ResetBudget`. */
  resets: { burst: number; perSecond: number };
  overhead: OverheadLimits;
  /** As for connections of HTTP/1.1: what is written may wait so long while less than this is taken. */
  stallMs: number;
  minTakenBytes: number;
}

/**
 * Bytes that a client may send besides bodies. All frames that cost work and bring nothing are bounded by it at once: PING,
 * SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown ones.
 */
export interface OverheadLimits {
  /** Beside what follows: 3,800 pings a second. */
  bytesPerSecond: number;
  /** The head of a request and what a body brings with it. */
  bytesPerStream: number;
  /** Of each byte of a body, which comes in frames of 9 bytes more; those below 600 bytes are not for the fast. */
  perBodyByte: number;
  /** Of what was sent to it: for each 16 KiB that a client takes it may tell its new window, in 13 bytes for stream and connection each. */
  perSentByte: number;
}

export const H2_LIMITS: H2Limits = {
  maxStreamsPerPeer: 1_000,
  maxStreams: 20_000,
  firstRequestMs: 10_000,
  idleMs: 60_000,
  manySessions: 1_000,
  idleMsOfMany: 5_000,
  // A page whose 100 pictures are under way is left, twice in a row (CVE-2023-44487 opens and resets without end).
  resets: { burst: 200, perSecond: 20 },
  overhead: {
    bytesPerSecond: 64 * 1024,
    bytesPerStream: 32 * 1024,
    perBodyByte: 1 / 64,
    perSentByte: 1 / 64,
  },
  stallMs: 60_000,
  minTakenBytes: 16 * 1024,
};

/** Of one of several processes that share the port. */
export function shareOfStreams(processes: number): H2Limits {
  return {
    ...H2_LIMITS,
    maxStreamsPerPeer: Math.floor(H2_LIMITS.maxStreamsPerPeer / processes),
    maxStreams: Math.floor(H2_LIMITS.maxStreams / processes),
  };
}

/** At a time on one connection; browsers and the specification (section 6.5.2) want 100 at least. */
export const MAX_CONCURRENT_STREAMS = 100;

/** Names and values of a request's head, as HTTP/1.1 has it. */
export const MAX_HEAD_BYTES = 16 * 1024;

/** Of a body that nobody reads: as much as a worker may leave unread. */
export const INITIAL_WINDOW_BYTES = 256 * 1024;

/**
 * Of all bodies of a connection that are under way, and a bound on its speed alone: what comes is given back at once, and
 * waits in the windows of the streams.
 */
export const CONNECTION_WINDOW_BYTES = 1024 * 1024;

export const SESSION_OPTIONS: SessionOptions = {
  settings: {
    maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
    // Twice what is answered, so that a head that is too large gets its 431; nghttp2 resets what is above this one.
    maxHeaderListSize: 2 * MAX_HEAD_BYTES,
    initialWindowSize: INITIAL_WINDOW_BYTES,
    enableConnectProtocol: false,
  },
  // A function may send 64 KiB, and the door adds to it.
  maxSendHeaderBlockLength: 128 * 1024,
  // The door counts to 100 and answers 431.
  maxHeaderListPairs: 256,
  // MiB: 100 streams that each hold a window of 256 KiB, and their heads.
  maxSessionMemory: 32,
  // Acknowledgements that the client leaves untaken.
  maxOutstandingPings: 10,
  maxSettings: 32,
  // Beyond what was granted: a correct client opens none of them.
  maxSessionRejectedStreams: 100,
  // nghttp2's own count of resets, above the one of ResetBudget, which sees each earlier.
  streamResetBurst: 400,
  streamResetRate: 40,
  // HTTP/1.1 sends what a function repeats as well.
  strictSingleValueFields: false,
};
