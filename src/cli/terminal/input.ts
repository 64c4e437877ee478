import { buffer } from 'node:stream/consumers';
import { PlatformError } from '../../protocol/errors.ts';

/** What a person types, or a script pipes in. */
export interface Input {
  /** Whether a person sits at a terminal and can be asked. */
  isTerminal: boolean;
  /** All of standard input, trimmed. @throws PlatformError bad-request when nothing ends it in time */
  readAll(): Promise<string>;
  /** The same, as it is: values may be anything. */
  readBytes(): Promise<Uint8Array>;
  /** A line that is not shown while it is typed. @throws PlatformError bad-request after Ctrl-C */
  askHidden(prompt: string): Promise<string>;
  /** A line. @throws PlatformError bad-request after Ctrl-C */
  ask(prompt: string): Promise<string>;
}

/** A pipe that nobody ever closes must not keep a build server waiting. */
const READ_ALL_MS = 60_000;
const MAX_LINE_CHARACTERS = 4096;

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const ERASE = new Set(['\u0008', '\u007f']);

/** Prompts go to standard error, so that a result can be piped on. */
export function createInput(stdin: NodeJS.ReadStream, stderr: NodeJS.WriteStream): Input {
  const isTerminal = stdin.isTTY && stderr.isTTY;

  async function readLine(prompt: string, echo: (character: string) => void): Promise<string> {
    // Before the prompt: what is typed at the sight of it must find the terminal's own echo off.
    stdin.setRawMode(true).setEncoding('utf8');
    stderr.write(prompt);
    const line = new LineEditor(echo);
    try {
      for await (const typed of stdin.iterator({
        destroyOnReturn: false,
      }) as AsyncIterable<string>) {
        if (line.isEndedBy(typed)) break;
      }
    } finally {
      stdin.setRawMode(false).pause();
      stderr.write('\n');
    }
    return line.text();
  }

  async function readBytes(): Promise<Buffer> {
    const timer = setTimeout(() => stdin.destroy(silentPipe()), READ_ALL_MS);
    try {
      return await buffer(stdin);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    isTerminal,
    askHidden: (prompt) => readLine(prompt, () => {}),
    ask: (prompt) => readLine(prompt, (character) => void stderr.write(character)),
    readBytes,
    readAll: async () => (await readBytes()).toString().trim(),
  };
}

/** One line as it comes from a terminal in raw mode. */
class LineEditor {
  #characters: string[] = [];
  #isInterrupted = false;
  readonly #echo: (text: string) => void;

  constructor(echo: (text: string) => void) {
    this.#echo = echo;
  }

  /** Takes what was typed or pasted; true when the line has ended. */
  isEndedBy(typed: string): boolean {
    for (const character of typed) {
      if (character === '\r' || character === '\n' || character === CTRL_D) return true;
      if (character === CTRL_C) return (this.#isInterrupted = true);
      if (ERASE.has(character)) {
        if (this.#characters.pop() !== undefined) this.#echo('\b \b');
      } else if (character >= ' ' && this.#characters.length < MAX_LINE_CHARACTERS) {
        this.#characters.push(character);
        this.#echo(character);
      }
    }
    return false;
  }

  text(): string {
    if (this.#isInterrupted) throw new PlatformError('bad-request', 'interrupted');
    return this.#characters.join('').trim();
  }
}

function silentPipe(): PlatformError {
  return new PlatformError('bad-request', 'standard input is open, but nothing comes from it', {
    hint: 'give it a file: fn login URL < token-file',
  });
}
