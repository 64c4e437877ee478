/** Turns what the function prints into LOG frames, each under the request that printed it. Bounded in size and rate. */
import { Writable } from 'node:stream';
import { format } from 'node:util';
import type { LogLevel, LogLine } from '../protocol/worker.ts';

const MAX_LINE_CHARACTERS = 8 * 1024;
const MAX_LINES_PER_SECOND = 1_000;
const WINDOW_MS = 1_000;

interface LogTarget {
  /** The request that runs now. */
  current(): { requestId: string; stream: number } | null;
  send(stream: number, line: LogLine): void;
  nowMs(): number;
}

export interface LogCapture {
  write(level: LogLevel, text: string): void;
}

export function createLogCapture(target: LogTarget): LogCapture {
  let windowStart = target.nowMs();
  let linesInWindow = 0;
  let dropped = 0;
  return {
    write: (level, text) => {
      const now = target.nowMs();
      if (now - windowStart >= WINDOW_MS) {
        windowStart = now;
        linesInWindow = 0;
      }
      if (linesInWindow >= MAX_LINES_PER_SECOND) {
        dropped++;
        return;
      }
      linesInWindow++;
      const running = target.current();
      const requestId = running?.requestId ?? null;
      target.send(running?.stream ?? 0, { level, text: cut(text), requestId, dropped });
      dropped = 0;
    },
  };
}

/** Replaces what of `console` prints, and the two standard streams. */
export function captureConsole(capture: LogCapture): void {
  const levels = {
    debug: 'debug',
    log: 'info',
    info: 'info',
    warn: 'warn',
    error: 'error',
    trace: 'debug',
  } as const;
  for (const [method, level] of Object.entries(levels)) {
    Object.defineProperty(console, method, {
      value: (...values: unknown[]) => capture.write(level, format(...values)),
      writable: true,
      configurable: true,
    });
  }
  // Made on first use: most functions never touch them.
  captureStream('stdout', capture, 'info');
  captureStream('stderr', capture, 'error');
}

function captureStream(name: 'stdout' | 'stderr', capture: LogCapture, level: LogLevel): void {
  let stream: Writable | null = null;
  Object.defineProperty(process, name, {
    configurable: true,
    get: () => (stream ??= lineStream((line) => capture.write(level, line))),
  });
}

function lineStream(onLine: (line: string) => void): Writable {
  let rest = '';
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
      if (rest.length > MAX_LINE_CHARACTERS) {
        onLine(rest);
        rest = '';
      }
      done();
    },
  });
}

function cut(text: string): string {
  if (text.length <= MAX_LINE_CHARACTERS) return text;
  return `${text.slice(0, MAX_LINE_CHARACTERS)}… (${text.length} characters)`;
}
