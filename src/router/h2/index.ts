/**
 * HTTP/2 at the door (RFC 9113): each stream of a connection becomes a client like any other, so that functions, public
 * files and the control host answer there as they do over HTTP/1.1, by the same rules.
 *
 * Node's nghttp2 reads and writes the frames; what a peer may cost is bounded here (limits.ts). Nothing here decides what
 * a request is for. Read h2-sessions.ts, then h2-session.ts and stream-client.ts.
 */
export type { StreamAsked } from './h2-session.ts';
export { createH2Sessions, type H2Options } from './h2-sessions.ts';
export { shareOfStreams } from './limits.ts';
export type { StreamClient } from './stream-client.ts';
