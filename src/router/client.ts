/** Who asked: the client's end of one request, whichever way it came in. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { QuickReply, WholeReply } from './quick-reply.ts';

export interface Client {
  /** The connection that the request came by. */
  readonly socket: Socket;
  readonly method: string;
  /** Path and query, as received. */
  readonly target: string;
  /** The whole body when it has come with the head; null when there is none, or it is read from `request`. */
  readonly body: Buffer | null;
  /** Whether what has not arrived of the body stands in the way of the connection's next request. */
  readonly isBodyPending: boolean;
  /** Node's own objects. On the fast path they are made when they are first asked for, which most requests never do. */
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** False when this answer must take the usual way, by `response`; nothing was sent then. */
  sendWhole(reply: WholeReply): boolean;
  /** Calls back when the answer is out, or will never be: nobody is there any more. */
  whenClosed(callback: () => void): void;
}

/** The client of a request that Node's HTTP server has read. */
export class HttpClient implements Client {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body = null;
  readonly #quickReply: QuickReply;

  constructor(request: IncomingMessage, response: ServerResponse, quickReply: QuickReply) {
    this.request = request;
    this.response = response;
    this.#quickReply = quickReply;
  }

  get socket(): Socket {
    return this.request.socket;
  }

  get method(): string {
    return this.request.method ?? '';
  }

  get target(): string {
    return this.request.url ?? '';
  }

  get isBodyPending(): boolean {
    return !this.request.complete;
  }

  sendWhole(reply: WholeReply): boolean {
    return this.#quickReply.send(this.response, reply);
  }

  whenClosed(callback: () => void): void {
    this.response.on('close', callback);
  }
}
