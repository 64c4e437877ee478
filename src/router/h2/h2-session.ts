/** One connection of HTTP/2: its streams, and what it has cost. */
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { RefusedRequest, RequestHead } from '../request-head.ts';
import {
  type H2Limits,
  CONNECTION_WINDOW_BYTES,
  INITIAL_WINDOW_BYTES,
  SESSION_OPTIONS,
} from './limits.ts';
import { OverheadWatch } from './overhead.ts';
import { ResetBudget } from './reset-budget.ts';
import { StreamClient } from './stream-client.ts';
import { otherTarget, readStreamHead, type StreamHead } from './stream-head.ts';

/** What is known of a stream's request when it begins. */
export interface StreamAsked {
  head: RequestHead | RefusedRequest;
  /** What a function is told of the client; empty when the request is refused. */
  clientText: string;
}

/** What all sessions share. */
export interface SessionHost {
  readonly limits: H2Limits;
  nowMs(): number;
  /** False when there are too many. Each that was opened is told of when it has closed. */
  mayOpen(session: H2Session): boolean;
  closedStream(session: H2Session): void;
  clientTextOf(socket: TLSSocket, head: RequestHead): string;
  begin(client: StreamClient, asked: StreamAsked): void;
  closed(session: H2Session): void;
}

export class H2Session {
  readonly socket: TLSSocket;
  readonly peer: string;
  readonly clients = new Set<StreamClient>();
  readonly #session: ServerHttp2Session;
  readonly #host: SessionHost;
  readonly #resets: ResetBudget;
  readonly #overhead: OverheadWatch;
  #idleSinceMs: number;
  #streams = 0;
  /** Of streams that have closed. */
  #bodyBytes = 0;
  /** The request before, and what was made of its head: most say the same. */
  #raw: readonly string[] = [];
  #head: StreamHead | null = null;
  #clientText = '';

  constructor(socket: TLSSocket, peer: string, host: SessionHost) {
    this.socket = socket;
    this.peer = peer;
    this.#host = host;
    const nowMs = host.nowMs();
    this.#idleSinceMs = nowMs;
    this.#resets = new ResetBudget(host.limits.resets, nowMs);
    this.#overhead = new OverheadWatch(host.limits.overhead, nowMs);
    this.#session = performServerHandshake(socket, SESSION_OPTIONS);
    this.#session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    this.#session.on('error', () => {}); // 'close' follows and says all.
    this.#session.on('close', () => host.closed(this));
    this.#session.on('stream', (stream, _headers, _flags, raw) => this.#opened(stream, raw));
  }

  get hadRequest(): boolean {
    return this.#streams > 0;
  }

  /** For how long there has been no stream. */
  idleMs(nowMs: number): number {
    return this.clients.size > 0 ? 0 : nowMs - this.#idleSinceMs;
  }

  isFlood(nowMs: number): boolean {
    let bodyBytes = this.#bodyBytes;
    for (const client of this.clients) bodyBytes += client.bodyBytes;
    const { bytesRead, bytesWritten } = this.socket;
    const traffic = { receivedBytes: bytesRead, sentBytes: bytesWritten, bodyBytes };
    return this.#overhead.isTooMuch({ ...traffic, streams: this.#streams }, nowMs);
  }

  /** No new streams; it closes when those that are open have ended. */
  drain(): void {
    if (this.#session.closed) this.socket.destroy(); // A client that does not take even this.
    else this.#session.close();
  }

  /** For a client that costs more than it may. */
  giveUp(): void {
    const reason = new Error('the client costs more than it may');
    this.#session.destroy(reason, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  destroy(): void {
    this.#session.destroy();
    this.socket.destroy();
  }

  #opened(stream: ServerHttp2Stream, raw: readonly string[]): void {
    stream.on('error', () => {}); // 'close' follows and says all.
    this.#streams += 1;
    if (stream.destroyed) return this.#countReset();
    if (!this.#host.mayOpen(this)) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    const head = this.#headOf(raw, stream.endAfterHeaders);
    const client = new StreamClient({ stream, socket: this.socket }, head, this.#host.nowMs());
    this.clients.add(client);
    stream.on('close', () => this.#closed(client, stream));
    this.#host.begin(client, { head: head.head, clientText: this.#clientText });
    if (head.expectsContinue && !stream.headersSent && !stream.destroyed) {
      stream.additionalHeaders({ ':status': constants.HTTP_STATUS_CONTINUE });
    }
  }

  #closed(client: StreamClient, stream: ServerHttp2Stream): void {
    this.clients.delete(client);
    // What was under way when it was answered comes yet, and is thrown away by nghttp2.
    const underWay = client.isComplete ? 0 : INITIAL_WINDOW_BYTES;
    this.#bodyBytes += Math.max(client.bodyBytes, underWay);
    if (this.clients.size === 0) this.#idleSinceMs = this.#host.nowMs();
    this.#host.closedStream(this);
    client.closed();
    const isReset = stream.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR;
    if (isReset) this.#countReset();
  }

  #countReset(): void {
    if (!this.#resets.take(this.#host.nowMs())) this.giveUp();
  }

  #headOf(raw: readonly string[], isWhole: boolean): StreamHead {
    const target = isWhole && this.#head !== null ? otherTarget(raw, this.#raw) : null;
    if (target !== null && this.#head !== null) return { ...this.#head, target };
    const head = readStreamHead(raw, isWhole);
    const { kind } = head.head;
    this.#raw = isWhole ? raw : [];
    this.#head = isWhole && kind === 'ok' ? head : null;
    this.#clientText =
      head.head.kind === 'ok' ? this.#host.clientTextOf(this.socket, head.head) : '';
    return head;
  }
}
