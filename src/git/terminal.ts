import type { Writable } from 'node:stream';
import type { Clock } from '../std/clock.ts';
import { printable } from '../std/printable.ts';

/** Longer lines do not fit one packet of git's side band. */
const MAX_LINE_CHARACTERS = 900;
/** Of a client that does not read; what comes after is left out and counted. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** The pusher's terminal, as a hook reaches it: lines, and at last the hook's exit status. */
export interface Terminal {
  print(text: string): void;
  end(status: 0 | 1): void;
}

interface TerminalOptions {
  clock: Clock;
  /** Something is printed at least this often, so that nobody takes a long build for a dead connection. */
  heartbeatMs: number;
}

/** Writes the answers that hooks/pre-receive describes to the hook's socket. */
export function createTerminal(
  socket: Writable,
  { clock, heartbeatMs }: TerminalOptions,
): Terminal {
  const startedAt = clock.monotonicMs();
  let leftOut = 0;
  let cancelHeartbeat = (): void => {};

  function beat(): void {
    cancelHeartbeat();
    cancelHeartbeat = clock.after(heartbeatMs, () => {
      const seconds = Math.round((clock.monotonicMs() - startedAt) / 1000);
      print(`       still working after ${seconds} s`);
    });
  }

  function print(text: string): void {
    if (socket.writableEnded || socket.destroyed) return;
    for (const line of text.split('\n')) writeLine(line);
    beat();
  }

  function writeLine(line: string): void {
    if (socket.writableLength > MAX_WAITING_BYTES) {
      leftOut += 1;
      return;
    }
    if (leftOut > 0) socket.write(`line        ${leftOut} lines left out\n`);
    leftOut = 0;
    socket.write(`line ${printable(line).slice(0, MAX_LINE_CHARACTERS)}\n`);
  }

  socket.on('close', () => cancelHeartbeat());
  beat();
  return {
    print,
    end(status) {
      cancelHeartbeat();
      if (!socket.writableEnded && !socket.destroyed) socket.end(`exit ${status}\n`);
    },
  };
}
