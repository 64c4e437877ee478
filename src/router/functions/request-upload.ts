import type { InvocationLink } from '../../pool/ports.ts';
import { WINDOW_BYTES } from '../../protocol/worker.ts';
import type { Client } from '../client.ts';
import { requestTrailers } from '../trailers.ts';

interface Owner {
  readonly maxBodyBytes: number;
  /** Nobody waits for the body any more; what comes of it is thrown away. */
  readonly isOver: boolean;
  tooLarge(): void;
}

/** The way of a request's body from its client to the worker: no faster than the worker takes it. */
export class RequestUpload {
  readonly #client: Client;
  readonly #owner: Owner;
  /** Null while no worker has the request. */
  #link: InvocationLink | null = null;
  #stream = 0;
  /** Bytes that the worker has not consumed. */
  #unacknowledged = 0;
  #received = 0;
  /** The body so far, which another worker gets if this one refuses; null once a worker took some of it. */
  #replay: Buffer[] | null = [];

  constructor(client: Client, owner: Owner) {
    this.#client = client;
    this.#owner = owner;
  }

  /** Bytes that came of it. */
  get received(): number {
    return this.#client.body?.length ?? this.#received;
  }

  /** Sends all there is, also what another worker has refused, and what will come. */
  sendTo(link: InvocationLink, stream: number): void {
    this.#link = link;
    this.#stream = stream;
    const { body } = this.#client;
    if (body !== null) return this.#sendWhole(link, body);
    this.#sendAgain(link);
    const isUntouched = this.#client.request.readableFlowing === null;
    if (isUntouched) this.#read();
  }

  /** The worker does not want the request. False when it has taken of the body, which nobody can have again. */
  refused(): boolean {
    this.#link = null;
    return this.#replay !== null;
  }

  /** The worker has consumed so many bytes. False when it never had them. */
  credited(bytes: number): boolean {
    if (bytes === 0 || bytes > this.#unacknowledged) return false;
    this.#replay = null;
    this.#unacknowledged -= bytes;
    if (this.#client.body !== null) return true;
    const { request } = this.#client;
    if (this.#unacknowledged < WINDOW_BYTES && request.isPaused()) request.resume();
    return true;
  }

  #sendWhole(link: InvocationLink, body: Buffer): void {
    this.#unacknowledged = body.length;
    link.sendBody(this.#stream, body);
    link.endBody(this.#stream, '');
  }

  #read(): void {
    const { request } = this.#client;
    request.on('data', (chunk: Buffer) => {
      if (this.#owner.isOver) return;
      this.#received += chunk.length;
      if (this.#received > this.#owner.maxBodyBytes) return this.#owner.tooLarge();
      this.#unacknowledged += chunk.length;
      this.#replay?.push(chunk);
      this.#link?.sendBody(this.#stream, chunk);
      if (this.#unacknowledged >= WINDOW_BYTES) request.pause();
    });
    request.on('end', () => this.#link?.endBody(this.#stream, requestTrailers(request)));
  }

  /** What was read for a worker that refused; nothing the first time. */
  #sendAgain(link: InvocationLink): void {
    for (const chunk of this.#replay ?? []) link.sendBody(this.#stream, chunk);
    // Not `complete`: then all has arrived, but some may still wait in the stream to be read.
    const { request } = this.#client;
    if (request.readableEnded) link.endBody(this.#stream, requestTrailers(request));
  }
}
