/**
 * Sends a whole small response with its head made here, as one string. Node's own way checks and joins every
 * header of every response again, which is the largest cost of the door that can be avoided (measured: an eighth of
 * its throughput). The way in is a private field, `_header`, so it is used only when a rehearsal at start shows
 * that this Node still sends exactly what `writeHead` would; otherwise every response takes the usual way.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { statusLine, type ReplyHead } from './reply-head.ts';

export interface WholeReply {
  status: number;
  /** `name: value\r\n` of each header but those of the connection, the date and the length. */
  lines: string;
  body: Buffer;
}

export interface QuickReply {
  /** False when this response must take the usual way; nothing was sent then. */
  send(response: ServerResponse, reply: WholeReply): boolean;
}

interface Internals {
  _header: string | null;
  shouldKeepAlive: boolean;
  maxRequestsOnConnectionReached: boolean;
}

/** Bodies above `maxBodyBytes` gain nothing by it. */
export function createQuickReply(
  replyHead: ReplyHead,
  options: { keepAliveMs: number; maxBodyBytes: number },
): QuickReply {
  const isSafe = isRehearsalGood(options.keepAliveMs);

  return {
    send: (response, { status, lines, body }) => {
      const internals = response as unknown as Internals;
      const isUsual =
        isSafe &&
        !response.headersSent &&
        internals.shouldKeepAlive &&
        !internals.maxRequestsOnConnectionReached &&
        body.length > 0 &&
        body.length <= options.maxBodyBytes &&
        response.req.method !== 'HEAD' &&
        status !== 204 &&
        status !== 304;
      if (!isUsual) return false;
      // Whoever looks at the response later finds it as writeHead would have left it.
      response.statusCode = status;
      sendWithHead(response, replyHead(status, lines, body.length), body);
      return true;
    },
  };
}

function sendWithHead(response: ServerResponse, head: string, body: Buffer): void {
  (response as unknown as Internals)._header = head;
  response.end(body.toString('latin1'), 'latin1');
}

/** Whether a response with its head put in sends the same bytes as one that went the usual way. */
function isRehearsalGood(keepAliveMs: number): boolean {
  const date = new Date(0).toUTCString();
  const body = Buffer.from('gr\u00fc\u00df\u0000', 'latin1');
  const usual = rehearse(keepAliveMs, (response) => {
    response.sendDate = false;
    const length = String(body.length);
    response.writeHead(201, ['x-a', 'b', 'content-length', length, 'date', date]);
    response.end(body.toString('latin1'), 'latin1');
  });
  const quick = rehearse(keepAliveMs, (response) => {
    const connection = `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveMs / 1000}\r\n\r\n`;
    const lines = `x-a: b\r\ncontent-length: ${body.length}\r\ndate: ${date}\r\n`;
    sendWithHead(response, `${statusLine(201)}${lines}${connection}`, body);
  });
  return usual !== null && quick === usual;
}

/** What one response writes to its socket, and that it ends; null when this Node lacks what is needed. */
function rehearse(keepAliveMs: number, send: (response: ServerResponse) => void): string | null {
  let sent = '';
  const socket = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, encoding, done) {
      sent += typeof chunk === 'string' ? chunk : chunk.toString('latin1');
      if (typeof chunk === 'string' && encoding !== 'latin1') sent += encoding;
      done();
    },
  });
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 });
  const response = new ServerResponse(request);
  const internals = response as unknown as Internals & { _keepAliveTimeout: number };
  if (!('_header' in internals) || typeof internals.shouldKeepAlive !== 'boolean') return null;
  if (typeof internals.maxRequestsOnConnectionReached !== 'boolean') return null;
  internals._keepAliveTimeout = keepAliveMs;
  response.assignSocket(socket as unknown as Socket);
  send(response);
  return response.writableEnded && response.headersSent ? sent : null;
}
