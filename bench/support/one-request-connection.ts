import net from 'node:net';
import type { OpenLoopTarget } from './open-loop.ts';

export interface Answer {
  status: number;
  hasRetryAfter: boolean;
}

type Ended = (answer: Answer | null) => void;

const READ_BYTES = 64 * 1024;
const MAX_HEAD_CHARACTERS = 16 * 1024;
const REOPEN_MS = 10;
const END_OF_HEAD = '\r\n\r\n';
const LAST_CHUNK = '\r\n0\r\n\r\n';

/** All connections of a process read into it, one after the other: what was read is looked at before the next read. */
const readBuffer = Buffer.allocUnsafe(READ_BYTES);

/**
 * An HTTP/1.1 connection with one GET under way at most, which costs its process a fifth of what `node:http` does: a
 * load generator that shares two cores with the server must be cheap. It reads answers with a length, and chunked ones
 * without trailers and without the sequence of a last chunk in their body: those that our own servers give.
 */
export class OneRequestConnection {
  readonly #target: OpenLoopTarget;
  readonly #isFree: (connection: OneRequestConnection) => void;
  readonly #request: string;
  readonly #opened = Promise.withResolvers<void>();
  #socket: net.Socket;
  #ended: Ended | null = null;
  #isClosed = false;
  /** Of the answer's head, while that is not whole. */
  #head = '';
  #answer: (Answer & { mayStay: boolean }) | null = null;
  /** Null for a chunked one. */
  #bodyBytesLeft: number | null = 0;
  #chunkedTail = '';

  /** `isFree` is called whenever it can take a request: once it is open, and after each answer. */
  constructor(target: OpenLoopTarget, isFree: (connection: OneRequestConnection) => void) {
    this.#target = target;
    this.#isFree = isFree;
    const { path = '/', host, authorization } = target;
    const credentials = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`;
    this.#request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${credentials}\r\n`;
    this.#socket = this.#open();
  }

  /** Resolves with the first connection, or the first failure to make one. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** `ended` is called once: with the answer when all of it is there, or null when it breaks off. */
  ask(ended: Ended): void {
    this.#ended = ended;
    this.#socket.write(this.#request, 'latin1');
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #open(): net.Socket {
    const socket = net.connect({
      host: '127.0.0.1',
      port: this.#target.port,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (byteCount) => {
          this.#read(readBuffer.toString('latin1', 0, byteCount));
          return true;
        },
      },
    });
    socket.on('connect', () => {
      this.#opened.resolve();
      this.#isFree(this);
    });
    socket.on('error', () => {}); // 'close' follows.
    socket.on('close', () => this.#reopen());
    return socket;
  }

  #reopen(): void {
    this.#opened.resolve();
    this.#end(null);
    if (this.#isClosed) return;
    setTimeout(() => {
      if (!this.#isClosed) this.#socket = this.#open();
    }, REOPEN_MS);
  }

  #read(text: string): void {
    if (this.#answer !== null) return this.#readBody(text);
    this.#head += text;
    const end = this.#head.indexOf(END_OF_HEAD);
    if (end === -1) {
      if (this.#head.length > MAX_HEAD_CHARACTERS) this.#socket.destroy();
      return;
    }
    const head = this.#head.slice(0, end).toLowerCase();
    const body = this.#head.slice(end + END_OF_HEAD.length);
    this.#answer = {
      status: Number(head.slice(9, 12)),
      hasRetryAfter: head.includes('\r\nretry-after:'),
      mayStay: !head.includes('\r\nconnection: close'),
    };
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
    this.#bodyBytesLeft = length === undefined ? null : Number(length);
    this.#chunkedTail = '\r\n';
    this.#readBody(body);
  }

  /** The text has a character for each byte. */
  #readBody(text: string): void {
    if (this.#bodyBytesLeft === null) {
      this.#chunkedTail = (this.#chunkedTail + text).slice(-LAST_CHUNK.length);
      if (this.#chunkedTail === LAST_CHUNK) this.#finish();
      return;
    }
    this.#bodyBytesLeft -= text.length;
    if (this.#bodyBytesLeft <= 0) this.#finish();
  }

  #finish(): void {
    const answer = this.#answer;
    this.#end(answer);
    if (answer?.mayStay === true) this.#isFree(this);
    else this.#socket.destroy();
  }

  #end(answer: Answer | null): void {
    const ended = this.#ended;
    this.#ended = null;
    this.#answer = null;
    this.#head = '';
    ended?.(answer);
  }
}
