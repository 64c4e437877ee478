import type { FunctionLog, FunctionSource } from '../pool/ports.ts';
import type { LogLine } from '../protocol/worker.ts';

/** Of one request, as characters; what it prints beyond is counted and stands in the log. */
const MAX_CHARACTERS = 256 * 1024;

export interface GatheredLines {
  lines: string[];
  dropped: number;
}

interface Gathering extends GatheredLines {
  characters: number;
}

/** Passes lines on to the log, and gathers those of requests that somebody waits for together with their log. */
export class RequestLines implements FunctionLog {
  readonly #log: Required<FunctionLog>;
  readonly #gathered = new Map<string, Gathering>();

  constructor(log: Required<FunctionLog>) {
    this.#log = log;
  }

  /** From now on the lines of this request are gathered, until they are taken. */
  gather(requestId: string): void {
    this.#gathered.set(requestId, { lines: [], dropped: 0, characters: 0 });
  }

  take(requestId: string): GatheredLines {
    const { lines, dropped } = this.#gathered.get(requestId) ?? { lines: [], dropped: 0 };
    this.#gathered.delete(requestId);
    return { lines, dropped };
  }

  line(source: FunctionSource, line: LogLine, wasAdmitted: boolean = false): void {
    if (this.#gathered.size > 0 && line.requestId !== null) this.#keep(line.requestId, line);
    this.#log.line(source, line, wasAdmitted);
  }

  admits(source: FunctionSource, bytes: number): boolean {
    return this.#log.admits(source, bytes);
  }

  leftOut(source: FunctionSource, count: number): void {
    this.#log.leftOut(source, count);
  }

  #keep(requestId: string, { text, dropped }: LogLine): void {
    const gathering = this.#gathered.get(requestId);
    if (gathering === undefined) return;
    gathering.dropped += dropped;
    if (text === '' && dropped > 0) return;
    gathering.characters += text.length;
    if (gathering.characters > MAX_CHARACTERS) gathering.dropped += 1;
    else gathering.lines.push(text);
  }
}
