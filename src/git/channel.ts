import type { Readable, Writable } from 'node:stream';
import type { BodyOptions } from './request-body.ts';
import type { GitService } from './target.ts';

/**
 * A client's end of what is said in git's protocol, by whatever it came: HTTP (http-channel.ts) or SSH (ssh/). What is
 * exchanged, with which bounds and under whose eyes, is the same for all (exchange.ts).
 */
export interface Channel {
  /** What the client calls itself. */
  readonly userAgent: string | null;
  /** Takes what git says; it closes with the client. Destroying it cuts the answer short, so that it looks incomplete. */
  readonly answer: Writable;
  /** Something of the part that was begun last has been sent, and can't be taken back. */
  readonly hasBegun: boolean;
  /** What the client sends, as git shall read it. @throws Refusal when it is known that it can't be taken */
  openBody(options: BodyOptions): Readable;
  /** Begins a part of the answer. */
  begin(part: AnswerPart): void;
  /** Ends the answer, with `rest` where there is more of it, when the client has sent all that it was about to send. */
  finish(rest?: Buffer): Promise<void>;
  /** Ends it with a refusal, in words that the client reads here; what it still sends is thrown away. */
  refuse(words: Buffer): void;
}

export interface AnswerPart {
  service: GitService;
  kind: 'advertisement' | 'result';
}
