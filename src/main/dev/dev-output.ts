/** What fn dev prints, for people or, one JSON object a line, for programs. */
import type { LogLevel } from '../../protocol/worker.ts';
import { printableLine } from '../../std/printable.ts';

export type DevEvent =
  | { type: 'ready'; url: string; port: number }
  /** A new version serves from now on. */
  | { type: 'reloaded'; functions: string[]; publicFiles: number; ms: number }
  /** Nothing else serves than before. `lines` are ready to print. */
  | { type: 'broken'; lines: string[]; isServingOld: boolean }
  | { type: 'warning'; lines: string[] }
  | { type: 'request'; method: string; path: string; status: number; ms: number }
  | { type: 'log'; function: string; level: LogLevel; text: string }
  /** A request failed: what its caller is not told. */
  | { type: 'failure'; requestId: string; lines: string[] };

/** Unread output of ours that may wait in memory when the terminal, or whoever reads the pipe, stands still. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;
const MAX_PATH_CHARACTERS = 200;

export interface OutputStream {
  write(text: string): unknown;
  readonly writableLength: number;
}

export type DevOutput = (event: DevEvent) => void;

export function createDevOutput(stream: OutputStream, isJson: boolean): DevOutput {
  let dropped = 0;
  return (event) => {
    if (stream.writableLength > MAX_UNREAD_BYTES) {
      dropped++;
      return;
    }
    if (dropped > 0) {
      const lines = [`${dropped} lines were dropped: nobody read them`];
      dropped = 0;
      stream.write(isJson ? jsonLine({ type: 'warning', lines }) : `${lines[0]}\n`);
    }
    stream.write(isJson ? jsonLine(event) : `${textOf(event)}\n`);
  };
}

function jsonLine(event: DevEvent): string {
  return `${JSON.stringify(event)}\n`;
}

function textOf(event: DevEvent): string {
  switch (event.type) {
    case 'ready':
      return `-----> Serving ${event.url}  (Ctrl-C ends it)`;
    case 'reloaded':
      return `-----> Built ${contents(event)} in ${event.ms} ms`;
    case 'broken': {
      const end = event.isServingOld ? 'the last good version keeps serving' : 'nothing serves yet';
      return [...event.lines, ` !     ${end}; saving a file tries again`].join('\n');
    }
    case 'warning':
    case 'failure':
      return event.lines.join('\n');
    case 'request': {
      const path = printableLine(event.path, MAX_PATH_CHARACTERS);
      return `${event.method} ${path} ${event.status} ${event.ms} ms`;
    }
    case 'log':
      return `${event.function} ${event.level.padEnd(5)} | ${event.text}`;
    default:
      return event satisfies never;
  }
}

function contents({
  functions,
  publicFiles,
}: {
  functions: string[];
  publicFiles: number;
}): string {
  const files = `${publicFiles} public ${publicFiles === 1 ? 'file' : 'files'}`;
  if (functions.length === 0) return files;
  return publicFiles === 0 ? functions.join(', ') : `${functions.join(', ')} and ${files}`;
}
