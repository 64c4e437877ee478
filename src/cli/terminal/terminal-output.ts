import { constants } from 'node:os';
import type { Output } from './output.ts';

/** What of a stream is written to. */
export interface Terminal {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write(text: string): unknown;
}

/** Output that also says that it is still waiting, when nothing else has been said for a while. */
export interface TerminalOutput extends Output {
  /** Begins to tell how long it has been quiet. */
  watch(): void;
  /** Ends that; what stands on the terminal is whole lines. */
  stop(): void;
}

const TICK_MS = 1_000;
/** Where lines stay, as in the log of a build server, they are few: seconds of silence, and then each half minute. */
const PLAIN_AT_SECONDS = [5, 15, 30];
const PLAIN_EVERY_SECONDS = 30;
const ERASE_LINE = '\r\u001b[K';
const ERASE_BELOW = '\u001b[J';
/** Of a terminal that does not tell. */
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
/** As shells number it. */
const EXIT_ON_INTERRUPT = 128 + constants.signals.SIGINT;

/** `isQuiet`: whoever reads is a program, and gets the result and nothing else. */
export function createTerminalOutput(
  { stdout, stderr }: { stdout: Terminal; stderr: Terminal },
  { isQuiet }: { isQuiet: boolean },
): TerminalOutput {
  let waitingFor: string | null = 'the server';
  let quietSeconds = 0;
  let isShown = false;
  let screenLines = 0;
  let timer: NodeJS.Timeout | null = null;
  let onInterrupt: (() => void) | null = null;

  function clear(): void {
    quietSeconds = 0;
    if (isShown) stderr.write(ERASE_LINE);
    isShown = false;
  }

  function print(stream: Terminal, text: string): void {
    clear();
    stream.write(`${text}\n`);
  }

  /** What does not fit is cut: a line that wraps, or scrolls away, could not be erased. */
  function showScreen(lines: readonly string[]): void {
    clear();
    const { columns = DEFAULT_COLUMNS, rows = DEFAULT_ROWS } = stdout;
    const shown = lines.slice(0, rows - 1).map((line) => line.slice(0, columns - 1));
    const back = screenLines === 0 ? '' : `\u001b[${screenLines}A\r`;
    stdout.write(`${back}${ERASE_BELOW}${shown.map((line) => `${line}\n`).join('')}`);
    screenLines = shown.length;
  }

  function tick(): void {
    quietSeconds++;
    if (waitingFor === null) return;
    const text = `waiting for ${waitingFor}… ${quietSeconds} s`;
    if (stderr.isTTY === true) {
      stderr.write(`${ERASE_LINE}${text}`);
      isShown = true;
    } else if (isToldPlainly(quietSeconds)) {
      stderr.write(`fn: ${text}\n`);
    }
  }

  function forgetInterrupt(): void {
    if (onInterrupt !== null) process.off('SIGINT', onInterrupt);
    onInterrupt = null;
  }

  return {
    line: (text) => print(stdout, text),
    aside: (text) => print(stderr, text),
    json: (value) => print(stdout, JSON.stringify(value, null, 2)),
    screen: stdout.isTTY === true && !isQuiet ? showScreen : null,
    waitFor(what, goesOn) {
      clear();
      waitingFor = what;
      forgetInterrupt();
      if (goesOn === undefined) return;
      onInterrupt = () => {
        if (!isQuiet) print(stderr, `\nfn: interrupted; ${goesOn}`);
        process.exit(EXIT_ON_INTERRUPT);
      };
      process.on('SIGINT', onInterrupt);
    },
    watch() {
      if (!isQuiet) timer = setInterval(tick, TICK_MS).unref();
    },
    stop() {
      if (timer !== null) clearInterval(timer);
      clear();
      forgetInterrupt();
    },
  };
}

function isToldPlainly(seconds: number): boolean {
  return PLAIN_AT_SECONDS.includes(seconds) || seconds % PLAIN_EVERY_SECONDS === 0;
}
