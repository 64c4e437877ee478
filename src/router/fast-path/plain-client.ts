/** The client of a request on the fast path. Node's objects for it are made only when its answer needs them. */
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Client } from '../client.ts';
import type { WholeReply } from '../quick-reply.ts';
import type { PlainRequest } from './plain-request.ts';

/** The connection, as the client of its current request sees it. */
export interface ClientConnection {
  readonly socket: Socket;
  /** Whether the answer is to be the last one. */
  readonly isLast: boolean;
  readonly keepAliveMs: number;
  sendWhole(client: PlainClient, reply: WholeReply): boolean;
  /** The answer that went by `response` is out. */
  finished(client: PlainClient): void;
}

/** Shared: an object for each request is garbage for each request. */
const NOTHING = (): void => {};

export class PlainClient implements Client {
  readonly method: string;
  readonly target: string;
  readonly body: Buffer | null;
  readonly isBodyPending = false;
  readonly #connection: ClientConnection;
  readonly #rawHeaders: readonly string[];
  #request: IncomingMessage | null = null;
  #response: ServerResponse | null = null;
  #onClosed = NOTHING;

  constructor(connection: ClientConnection, { method, target, headers, body }: PlainRequest) {
    this.#connection = connection;
    this.method = method;
    this.target = target;
    this.body = body;
    this.#rawHeaders = headers.rawHeaders;
  }

  get socket(): Socket {
    return this.#connection.socket;
  }

  get request(): IncomingMessage {
    this.#request ??= this.#makeRequest();
    return this.#request;
  }

  get response(): ServerResponse {
    this.#response ??= this.#makeResponse();
    return this.#response;
  }

  sendWhole(reply: WholeReply): boolean {
    return this.#response === null && this.#connection.sendWhole(this, reply);
  }

  whenClosed(callback: () => void): void {
    this.#onClosed = callback;
  }

  /** The connection has closed before the answer was out. */
  closed(): void {
    this.#onClosed();
  }

  /** From now on no answer but this one may follow on the connection. */
  makeLast(): void {
    if (this.#response?.headersSent === false) this.#response.shouldKeepAlive = false;
  }

  /** As Node's server leaves a request when all of it has come. */
  #makeRequest(): IncomingMessage {
    const request = Object.assign(new IncomingMessage(this.#connection.socket), {
      method: this.method,
      url: this.target,
      httpVersion: '1.1',
      httpVersionMajor: 1,
      httpVersionMinor: 1,
    }) as IncomingMessage & { _addHeaderLines(lines: string[], count: number): void };
    // A private method, and the only way to have the fields joined as Node joins them.
    request._addHeaderLines([...this.#rawHeaders], this.#rawHeaders.length);
    request.complete = true;
    if (this.body !== null) request.push(this.body);
    request.push(null);
    return request;
  }

  #makeResponse(): ServerResponse {
    const connection = this.#connection;
    const response = new ServerResponse(this.request);
    response.shouldKeepAlive = !connection.isLast;
    // A private field, and no harm where it is unknown: the hint of how long the connection is kept is left out then.
    Object.assign(response, { _keepAliveTimeout: connection.keepAliveMs });
    response.assignSocket(connection.socket);
    response.on('finish', () => {
      response.detachSocket(connection.socket);
      connection.finished(this);
    });
    return response;
  }
}
