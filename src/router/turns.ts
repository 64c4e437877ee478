/**
 * The requests of one connection, which are answered one after the other: what a client sends before it has its answers
 * (pipelining, RFC 9112 section 9.3.2) begins when those before it are answered. So a connection has one function at
 * work at most, effects come in the order of the questions, and nothing runs whose answer would never be sent, because
 * the one before it ended the connection.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { endLingering } from './answers.ts';

/** Requests that wait for their turn before no more are read; those that were read with them wait as well. */
const MAX_WAITING = 16;

export interface Question {
  request: IncomingMessage;
  response: ServerResponse;
  /** It holds its body back until it is told to go on (RFC 9110 section 10.1.1). */
  expectsContinue: boolean;
}

export class Turns {
  readonly #socket: Socket;
  readonly #begin: (question: Question) => void;
  /** The one that is answered, or was answered last. */
  #current: Question | null = null;
  #waiting: Question[] | null = null;
  /** What comes now is behind what ends the connection. */
  #isEnding = false;

  constructor(socket: Socket, begin: (question: Question) => void) {
    this.#socket = socket;
    this.#begin = begin;
  }

  came(question: Question): void {
    // Node reads on behind an answer that said that it is the last one.
    if (this.#isEnding || this.#socket.writableEnded) return;
    if (this.#current === null || this.#current.response.writableFinished) {
      this.#current = question;
      this.#begin(question);
    } else {
      this.#wait(question);
    }
  }

  /** The one that is on its way, or went last. */
  get response(): ServerResponse | null {
    return this.#current?.response ?? null;
  }

  /**
   * What followed cannot be read. `answer`: what came whole before it is answered, then the connection ends by itself.
   * `refuse`: no answer has begun, so that one may be written. `destroy`: anything written would be taken for a piece of
   * the answer that is on its way.
   */
  broken(): 'answer' | 'refuse' | 'destroy' {
    if (this.#isEnding) return 'answer';
    this.#isEnding = true;
    if (this.#current?.response.writableFinished !== false) return 'refuse';
    if (this.#last?.request.complete === false) {
      const dropped = this.#waiting?.pop();
      if (dropped === undefined) return brokenInBody(this.#current.response);
    }
    this.#closeAfter(this.#last);
    return 'answer';
  }

  /** The last answer says that the connection ends. */
  drain(): void {
    const response = this.#last?.response;
    if (response?.headersSent === false) response.shouldKeepAlive = false;
  }

  get #last(): Question | null {
    return this.#waiting?.at(-1) ?? this.#current;
  }

  #wait(question: Question): void {
    this.#waiting ??= [];
    if (this.#waiting.length === 0) this.#listen();
    this.#waiting.push(question);
    if (this.#waiting.length >= MAX_WAITING) this.#socket.pause();
  }

  #listen(): void {
    this.#current?.response.once('finish', () => this.#next());
  }

  #next(): void {
    // Also what Node itself ends after this response.
    if (this.#socket.destroyed || this.#socket.writableEnded) {
      this.#waiting = null;
      return;
    }
    const next = this.#waiting?.shift();
    if (next === undefined) return;
    this.#current = next;
    if (this.#waiting?.length === 0) this.#socket.resume();
    else this.#listen();
    this.#begin(next);
  }

  #closeAfter(last: Question | null): void {
    if (last === null) return;
    const { response } = last;
    if (!response.headersSent) response.shouldKeepAlive = false;
    else if (response.writableFinished) this.#socket.destroySoon();
    else response.once('finish', () => this.#socket.destroySoon());
  }
}

function brokenInBody(response: ServerResponse): 'answer' | 'refuse' | 'destroy' {
  if (!response.headersSent) return 'refuse';
  return endLingering(response) ? 'answer' : 'destroy';
}
