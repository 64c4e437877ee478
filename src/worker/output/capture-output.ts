/**
 * Takes the place of `console`, of `process.stdout` and `process.stderr`, and of `fs.write` on descriptors 1 and 2,
 * to which loggers such as pino write by themselves. What a child process or native code writes passes by: it comes
 * out of the sandbox as the output of the whole worker.
 */
import { Console } from 'node:console';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Writable } from 'node:stream';
import type { LogLevel } from '../../protocol/worker.ts';
import { captureFileWrites } from '../file-writes.ts';
import type { LogCapture } from './log-capture.ts';
import { OutputLines } from './output-lines.ts';

/** With which level each method of `console` prints. */
const LEVELS = {
  debug: 'debug',
  trace: 'debug',
  log: 'info',
  info: 'info',
  dir: 'info',
  dirxml: 'info',
  table: 'info',
  count: 'info',
  countReset: 'info',
  time: 'info',
  timeLog: 'info',
  timeEnd: 'info',
  warn: 'warn',
  assert: 'warn',
  error: 'error',
} as const satisfies Partial<Record<keyof Console, LogLevel>>;

const INDENT = '  ';
const MAX_INDENTS = 20;

/** @returns tells what was written without an end of line; to be called before the process ends */
export function captureOutput(capture: LogCapture): () => void {
  const stdout = new OutputLines(capture, 'info');
  const stderr = new OutputLines(capture, 'error');
  captureConsole(capture);
  // Made on first use: most functions never touch them.
  captureStream('stdout', 1, stdout);
  captureStream('stderr', 2, stderr);
  captureFileWrites(fs, (fd) => (fd === 1 ? stdout : fd === 2 ? stderr : null));
  syncBuiltinESMExports();
  return () => {
    stdout.flush();
    stderr.flush();
  };
}

/** Node's own console formats; each call is one entry, however many lines it has. */
function captureConsole(capture: LogCapture): void {
  let level: LogLevel = 'info';
  const groups = new Groups(capture);
  const sink = {
    write: (text: string) => capture.write(level, groups.indent(text)),
  } as unknown as Writable;
  const inner = new Console({ stdout: sink, stderr: sink, ignoreErrors: false, colorMode: false });
  const print = (method: keyof typeof LEVELS, values: unknown[]): void => {
    const before = level; // An object may print while it is being printed.
    level = LEVELS[method];
    try {
      (inner[method] as (...values: unknown[]) => void)(...values);
    } finally {
      level = before;
    }
  };
  const open = (...label: unknown[]): void => {
    if (label.length > 0) print('log', label);
    groups.open();
  };
  for (const method of Object.keys(LEVELS) as (keyof typeof LEVELS)[]) {
    replace(console, method, (...values: unknown[]) => print(method, values));
  }
  replace(console, 'group', open);
  replace(console, 'groupCollapsed', open);
  replace(console, 'groupEnd', () => groups.close());
}

/** How far `console.group` has moved the lines of each request to the right. */
class Groups {
  readonly #capture: LogCapture;
  readonly #depths = new Map<number, number>();

  constructor(capture: LogCapture) {
    this.#capture = capture;
  }

  open(): void {
    const stream = this.#capture.current();
    const depth = this.#depths.get(stream) ?? 0;
    this.#depths.delete(stream);
    // A request that never closes its groups must not be remembered for ever.
    const [oldest] = this.#depths.keys();
    if (oldest !== undefined && this.#depths.size >= MAX_GROUPED) this.#depths.delete(oldest);
    this.#depths.set(stream, Math.min(depth + 1, MAX_INDENTS));
  }

  close(): void {
    const stream = this.#capture.current();
    const depth = this.#depths.get(stream) ?? 0;
    if (depth > 1) this.#depths.set(stream, depth - 1);
    else this.#depths.delete(stream);
  }

  /** The text of one call, without the line feed that ends it. */
  indent(text: string): string {
    // Longer than any that is kept: it is not even laid out in memory.
    if (text.length > MAX_INDENTED_CHARACTERS) return text;
    const entry = text.endsWith('\n') ? text.slice(0, -1) : text;
    const depth = this.#depths.size === 0 ? 0 : this.#depths.get(this.#capture.current());
    if (depth === undefined || depth === 0) return entry;
    const indent = INDENT.repeat(depth);
    return indent + entry.replaceAll('\n', `\n${indent}`);
  }
}

const MAX_GROUPED = 1_000;
const MAX_INDENTED_CHARACTERS = 1024 * 1024;

function captureStream(name: 'stdout' | 'stderr', fd: number, lines: OutputLines): void {
  let stream: Writable | null = null;
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get: () => (stream ??= standardStream(fd, lines)),
  });
}

/** Like Node's own it can be neither ended nor destroyed, and loggers ask for its descriptor. */
function standardStream(fd: number, lines: OutputLines): Writable {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, encoding: BufferEncoding | 'buffer', done) {
      const isText = typeof chunk === 'string' && (encoding === 'utf8' || encoding === 'utf-8');
      lines.push(
        typeof chunk === 'string' && !isText
          ? Buffer.from(chunk, encoding as BufferEncoding)
          : chunk,
      );
      done();
    },
  });
  replace(stream, 'destroy', () => stream);
  replace(stream, 'end', (chunk?: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) stream.write(chunk);
    return stream;
  });
  return Object.assign(stream, { fd });
}

function replace(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, {
    value,
    writable: true,
    configurable: true,
    enumerable: true,
  });
}
