/** Turns what the function prints into LOG frames, each under the request that printed it. Bounded in size and rate. */
import { setTimeout as schedule } from 'node:timers';
import type { LogFrame, LogLevel } from '../protocol/worker.ts';
import { readJsonLine } from './json-line.ts';
import { redact } from './redact.ts';

export const MAX_LINE_CHARACTERS = 8 * 1024;
/** Of longer texts not even the beginning is kept: to take it, V8 would lay out the whole text in memory. */
const MAX_CUT_CHARACTERS = 16 * 1024 * 1024;
/** What is kept of a long line, and the rest of the longest secret that may begin in it. */
const MAX_REDACTED_CHARACTERS = 1024 * 1024;
const MAX_LINES_PER_SECOND = 1_000;
const WINDOW_MS = 1_000;

interface LogTarget {
  /** The stream of the request that runs now; 0 outside of any. */
  current(): number;
  send(stream: number, line: LogFrame): void;
  nowMs(): number;
}

export interface LogCapture {
  /** One entry of the request that runs now. */
  write(level: LogLevel, text: string): void;
  /** One entry of the request that had this stream. */
  writeOf(stream: number, level: LogLevel, text: string): void;
  current(): number;
}

export function createLogCapture(target: LogTarget): LogCapture {
  const window = { startMs: target.nowMs(), lines: 0, dropped: 0 };

  function takeDropped(): number {
    const { dropped } = window;
    window.dropped = 0;
    return dropped;
  }

  /** Told also when nothing is printed any more. */
  function tellDropped(): void {
    const dropped = takeDropped();
    if (dropped > 0) target.send(0, { level: 'warn', text: '', dropped });
  }

  function drop(nowMs: number): void {
    window.dropped++;
    if (window.dropped > 1) return;
    schedule(tellDropped, Math.max(1, window.startMs + WINDOW_MS - nowMs)).unref();
  }

  function writeOf(stream: number, level: LogLevel, text: string): void {
    const now = target.nowMs();
    if (now - window.startMs >= WINDOW_MS) {
      window.startMs = now;
      window.lines = 0;
    }
    if (window.lines >= MAX_LINES_PER_SECOND) return drop(now);
    window.lines++;
    target.send(stream, { ...frameOf(level, text), dropped: takeDropped() });
  }

  return {
    write: (level, text) => writeOf(target.current(), level, text),
    writeOf,
    current: () => target.current(),
  };
}

function frameOf(level: LogLevel, text: string): Omit<LogFrame, 'dropped'> {
  if (text.length > MAX_CUT_CHARACTERS) {
    return { level, text: `(${text.length} characters, too many to be kept)` };
  }
  if (text.length > MAX_LINE_CHARACTERS) {
    const shown = redact(text.slice(0, MAX_REDACTED_CHARACTERS));
    const beginning = shown.slice(0, MAX_LINE_CHARACTERS);
    return { level, text: `${beginning}… (${text.length} characters)` };
  }
  const shown = redact(text);
  const json = readJsonLine(shown);
  return json === null
    ? { level, text: shown }
    : { level: json.level ?? level, text: shown, fields: json.fields };
}
