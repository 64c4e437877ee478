import { StringDecoder } from 'node:string_decoder';

export interface OutputLine {
  text: string;
  /** Lines before it that were left out. */
  dropped: number;
}

const MAX_LINE_CHARACTERS = 8 * 1024;
const MAX_LINES_PER_SECOND = 1_000;
const LINE_COST_BYTES = 512;
const WINDOW_MS = 1_000;
/** A line that has no end yet is told after this long: a prompt, or the last words of a process. */
const UNENDED_MS = 100;

/** Cuts the bytes of one stream into lines; what is no UTF-8 becomes U+FFFD, and empty lines are left out. */
export class OutputLineReader {
  readonly #tell: (line: OutputLine) => void;
  readonly #decoder = new StringDecoder('utf8');
  /** The beginning of the line that has no end yet. */
  #text = '';
  /** Its whole length. */
  #length = 0;
  #timer: NodeJS.Timeout | null = null;
  #windowEndsAtMs = -Infinity;
  #linesInWindow = 0;
  #dropped = 0;

  constructor(tell: (line: OutputLine) => void) {
    this.#tell = tell;
  }

  /** Returns what it cost, in bytes: small lines cost more than their bytes. */
  push(chunk: Buffer): number {
    let cost = chunk.length;
    const text = this.#decoder.write(chunk);
    let from = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      this.#add(text, from, end);
      this.#endLine();
      from = end + 1;
      cost += LINE_COST_BYTES;
    }
    this.#add(text, from, text.length);
    const mustTellLater = this.#length > 0 || this.#dropped > 0;
    if (mustTellLater && this.#timer === null) this.#tellLater();
    return cost;
  }

  /** Tells what has no end. */
  finish(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const rest = this.#decoder.end();
    this.#add(rest, 0, rest.length);
    this.#endLine();
    this.#tellDropped();
  }

  #tellLater(): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // The rest of a cut line is not told as lines of their own.
      if (this.#length <= MAX_LINE_CHARACTERS) this.#endLine();
      this.#tellDropped();
    }, UNENDED_MS);
    this.#timer.unref();
  }

  #add(text: string, from: number, to: number): void {
    const room = MAX_LINE_CHARACTERS + 1 - this.#text.length;
    if (room > 0) this.#text += text.slice(from, Math.min(to, from + room));
    this.#length += to - from;
  }

  #endLine(): void {
    const line = this.#length > MAX_LINE_CHARACTERS ? cut(this.#text, this.#length) : this.#text;
    this.#text = '';
    this.#length = 0;
    if (line.trim() === '') return;
    if (!this.#mayTell()) return void this.#dropped++;
    this.#tell({ text: line.trimEnd(), dropped: this.#takeDropped() });
  }

  #mayTell(): boolean {
    const now = performance.now();
    if (now >= this.#windowEndsAtMs) {
      this.#windowEndsAtMs = now + WINDOW_MS;
      this.#linesInWindow = 0;
    }
    return ++this.#linesInWindow <= MAX_LINES_PER_SECOND;
  }

  /** Told also when nothing is written any more. */
  #tellDropped(): void {
    if (this.#dropped > 0) this.#tell({ text: '', dropped: this.#takeDropped() });
  }

  #takeDropped(): number {
    const taken = this.#dropped;
    this.#dropped = 0;
    return taken;
  }
}

/** Whole words only: half of a secret would not be recognised as one when secrets are taken out. */
function cut(text: string, length: number): string {
  const words = /^[^]*\s(?=\S)/.exec(text.slice(0, MAX_LINE_CHARACTERS + 1))?.[0].trimEnd() ?? '';
  return words === ''
    ? `(${length} characters, too many to be kept)`
    : `${words}… (${length} characters)`;
}
