import { StringDecoder } from 'node:string_decoder';
import { setTimeout as schedule } from 'node:timers';
import type { LogLevel } from '../../protocol/worker.ts';
import { MAX_LINE_CHARACTERS, type LogCapture } from './log-capture.ts';

/** A line that has no end yet is told after this long: a prompt, or the last words of a handler. */
const UNENDED_MS = 100;
/** Requests whose unended lines are kept apart; there are no more at a time than a worker's concurrency. */
const MAX_UNENDED = 1_000;

interface Unended {
  decoder: StringDecoder;
  text: string;
}

/**
 * Cuts what is written to a standard stream into lines. Each request has a line of its own that it is writing, so
 * that two that write piece by piece do not mix.
 */
export class OutputLines {
  readonly #capture: LogCapture;
  readonly #level: LogLevel;
  readonly #unended = new Map<number, Unended>();
  #isScheduled = false;

  constructor(capture: LogCapture, level: LogLevel) {
    this.#capture = capture;
    this.#level = level;
  }

  /** Text, or bytes of UTF-8 that may end in the middle of a character; what is no UTF-8 becomes U+FFFD. */
  push(chunk: string | Uint8Array): void {
    const stream = this.#capture.current();
    const unended = this.#unended.get(stream) ?? { decoder: new StringDecoder('utf8'), text: '' };
    this.#unended.set(stream, unended);
    const added = typeof chunk === 'string' ? chunk : unended.decoder.write(Buffer.from(chunk));
    const lines = (unended.text + added).split('\n');
    unended.text = lines.pop() ?? '';
    for (const line of lines) this.#tell(stream, line);
    const isTooMuch = unended.text.length > MAX_LINE_CHARACTERS || this.#unended.size > MAX_UNENDED;
    if (isTooMuch) this.flush();
    else if (!this.#isScheduled) this.#flushLater();
  }

  /** Tells what has no end yet as it is. */
  flush(): void {
    for (const [stream, { decoder, text }] of this.#unended) {
      const rest = text + decoder.end();
      if (rest !== '') this.#tell(stream, rest);
    }
    this.#unended.clear();
  }

  #flushLater(): void {
    this.#isScheduled = true;
    schedule(() => {
      this.#isScheduled = false;
      this.flush();
    }, UNENDED_MS).unref();
  }

  #tell(stream: number, line: string): void {
    this.#capture.writeOf(stream, this.#level, line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}
