/**
 * A connection whose requests are plain ones so far: one request at a time, in their order. The first that is not is
 * left to Node's server, and with it the connection for the rest of its life, so that each request has one reader only.
 */
import type { Socket } from 'node:net';
import type { WholeReply } from '../quick-reply.ts';
import type { RequestHead } from '../request-head.ts';
import { PlainClient, type ClientConnection } from './plain-client.ts';
import { readPlainRequest, type PlainHeaders } from './plain-request.ts';

/** Larger bodies are not copied behind their heads: two writes cost less. */
const COPIED_BODY_BYTES = 16 * 1024;

/** More is not kept with a connection that may never ask again. */
const KEPT_CHARACTERS = 4 * 1024;

/** What all connections share. */
export interface ConnectionHost {
  readonly keepAliveMs: number;
  readonly maxRequests: number;
  readonly isDraining: boolean;
  /** False when somebody else has to answer it; nothing was done then. */
  accept(client: PlainClient, headers: PlainHeaders, clientText: string): boolean;
  /** What a function is told of the client, which is the same for the same headers on one connection. */
  clientTextOf(socket: Socket, head: RequestHead): string;
  /** The head of a whole answer. */
  replyHead(status: number, lines: string, bodyBytes: number): string;
  /** Node's server has the connection from here on, which begins with these bytes. */
  handOver(connection: PlainConnection, bytes: Buffer): void;
  closed(connection: PlainConnection): void;
}

export class PlainConnection implements ClientConnection {
  readonly socket: Socket;
  /** Of the request that came last. */
  lastHost = '';
  readonly #host: ConnectionHost;
  #client: PlainClient | null = null;
  /** What came behind the request that is being answered; while there is any, no more is read. */
  #unread: Buffer | null = null;
  #requests = 0;
  /** Of the last request, and what was made of them. */
  #headers: PlainHeaders | null = null;
  #clientText = '';
  #idleLooks = 0;
  readonly #onData = (chunk: Buffer): void => this.#receive(chunk);
  readonly #onDrain = (): void => this.#next();
  /** As Node's server has it: who sends no more waits for no answer. */
  readonly #onEnd = (): void => void this.socket.end();
  readonly #onClose = (): void => this.#closed();
  readonly #onError = (): void => {}; // 'close' follows and says all.

  constructor(socket: Socket, host: ConnectionHost) {
    this.socket = socket;
    this.#host = host;
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.on('error', this.#onError);
  }

  get isLast(): boolean {
    return this.#host.isDraining || this.#requests >= this.#host.maxRequests;
  }

  get keepAliveMs(): number {
    return this.#host.keepAliveMs;
  }

  get isIdle(): boolean {
    return this.#client === null;
  }

  get hadRequest(): boolean {
    return this.#requests > 0;
  }

  /** Called at each look that finds it idle; how many these were since its last answer. */
  countIdleLook(): number {
    this.#idleLooks += 1;
    return this.#idleLooks;
  }

  makeLast(): void {
    this.#client?.makeLast();
  }

  sendWhole(client: PlainClient, { status, lines, body }: WholeReply): boolean {
    const isUsual =
      client === this.#client &&
      !this.isLast &&
      client.method !== 'HEAD' &&
      status !== 204 &&
      status !== 304;
    if (!isUsual) return false;
    const head = this.#host.replyHead(status, lines, body.length);
    if (body.length <= COPIED_BODY_BYTES) {
      this.socket.write(head + body.toString('latin1'), 'latin1');
    } else {
      this.socket.cork();
      this.socket.write(head, 'latin1');
      this.socket.write(body);
      this.socket.uncork();
    }
    this.#answered();
    return true;
  }

  finished(client: PlainClient): void {
    if (client !== this.#client) return;
    const isLast = !client.response.shouldKeepAlive;
    this.#answered();
    if (isLast) this.socket.destroySoon();
  }

  #answered(): void {
    this.#client = null;
    this.#idleLooks = 0;
    if (this.#unread !== null) process.nextTick(this.#onDrain);
  }

  #receive(chunk: Buffer): void {
    if (this.#client === null && this.#unread === null && !this.socket.writableNeedDrain) {
      this.#read(chunk);
      return;
    }
    this.#unread = this.#unread === null ? chunk : Buffer.concat([this.#unread, chunk]);
    this.socket.pause();
  }

  /** Goes on with what waits, when the answer before is out and taken. */
  #next(): void {
    const bytes = this.#unread;
    const { socket } = this;
    if (bytes === null || this.#client !== null) return;
    if (socket.destroyed || socket.writableNeedDrain) return;
    this.#unread = null;
    socket.resume();
    this.#read(bytes);
  }

  #read(bytes: Buffer): void {
    const request = readPlainRequest(bytes);
    if (request === null) return this.#handOver(bytes);
    const client = new PlainClient(this, request);
    this.#client = client;
    this.#requests += 1;
    this.lastHost = request.headers.head.hostHeader;
    if (request.bytes < bytes.length) {
      this.#unread = bytes.subarray(request.bytes);
      this.socket.pause();
    }
    if (this.#host.accept(client, request.headers, this.#clientTextOf(request.headers))) return;
    this.#client = null;
    this.#unread = null;
    this.socket.resume();
    this.#handOver(bytes);
  }

  #clientTextOf(headers: PlainHeaders): string {
    if (headers === this.#headers) return this.#clientText;
    const text = this.#host.clientTextOf(this.socket, headers.head);
    if (text.length > KEPT_CHARACTERS) return text;
    this.#headers = headers;
    this.#clientText = text;
    return text;
  }

  #handOver(bytes: Buffer): void {
    const { socket } = this;
    socket.off('data', this.#onData);
    socket.off('drain', this.#onDrain);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
    socket.off('error', this.#onError);
    this.#host.handOver(this, bytes);
  }

  #closed(): void {
    this.#host.closed(this);
    this.#client?.closed();
  }
}
