import { STATUS_CODES } from 'node:http';
import type { Clock } from '../std/clock.ts';

/**
 * Makes the head of a whole answer on a connection that is kept, empty line included. `lines` has `name: value\r\n` of
 * each header but those of the connection, the date and the length.
 */
export type ReplyHead = (status: number, lines: string, bodyBytes: number) => string;

export function createReplyHead(clock: Clock, keepAliveMs: number): ReplyHead {
  const tail = `connection: keep-alive\r\nkeep-alive: timeout=${keepAliveMs / 1000}\r\n\r\n`;
  let dateSecond = -1;
  let dateLine = '';

  function currentDateLine(): string {
    const now = clock.now();
    const second = Math.floor(now / 1000);
    if (second !== dateSecond) {
      dateSecond = second;
      dateLine = `date: ${new Date(now).toUTCString()}\r\n`;
    }
    return dateLine;
  }

  return (status, lines, bodyBytes) =>
    `${statusLine(status)}${lines}content-length: ${bodyBytes}\r\n${currentDateLine()}${tail}`;
}

export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
}
