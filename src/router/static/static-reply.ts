/** Writes a file, or what a condition made of it, as the response to GET or HEAD. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { endAfterRequest, isBodyPending } from '../answers.ts';
import type { QuickReply } from '../quick-reply.ts';
import type { Outcome } from './static-conditions.ts';
import { SMALL_FILE_BYTES, type OpenFile, type StaticContent } from './static-content.ts';
import { WHOLE_HEADERS, type StoredForm } from './static-index.ts';

const PIECE_BYTES = 64 * 1024;

export interface StaticReply {
  request: IncomingMessage;
  response: ServerResponse;
  bundle: string;
  form: StoredForm;
  outcome: Outcome | { status: 404 };
  /** Of the deployment and the request: name, value, … */
  ownHeaders: readonly string[];
  /** The same as they go over the wire. */
  ownLines: string;
}

interface Tools {
  content: StaticContent;
  quickReply: QuickReply;
}

/** Rejects, with nothing written, when the file cannot be read. If that happens later, the connection is closed. */
export async function sendStatic(tools: Tools, reply: StaticReply): Promise<void> {
  const { request, bundle, form, outcome } = reply;
  const { status } = outcome;
  if (status === 304 || status === 412 || status === 416) return sendWithoutContent(reply, status);
  if (request.method === 'HEAD' || form.bytes === 0) {
    writeHead(reply);
    return endAfterRequest(request, reply.response);
  }
  const name = { bundle, file: form.file, bytes: form.bytes };
  if (form.bytes > SMALL_FILE_BYTES) return sendPieces(await tools.content.open(name), reply);
  // What is in memory is sent at once: most requests wait for nothing.
  const content = tools.content.kept(name) ?? (await tools.content.whole(name));
  if (!isGone(reply)) sendWhole(tools.quickReply, reply, content);
}

function sendWhole(quickReply: QuickReply, reply: StaticReply, content: Buffer): void {
  const { request, response, form, outcome, ownLines } = reply;
  if (outcome.status === 200 && !isBodyPending(request)) {
    const lines = form.wholeLines + ownLines;
    if (quickReply.send(response, { status: 200, lines, body: content })) return;
  }
  writeHead(reply);
  response.write(
    outcome.status === 206 ? content.subarray(outcome.start, outcome.end + 1) : content,
  );
  endAfterRequest(request, response);
}

/** As fast as the client takes it: a piece is read when those before it have left for the kernel. */
async function sendPieces(file: OpenFile, reply: StaticReply): Promise<void> {
  const { request, response, form, outcome } = reply;
  const { start, end } = outcome.status === 206 ? outcome : { start: 0, end: form.bytes - 1 };
  try {
    for (let at = start; at <= end;) {
      const piece = await file.read(at, Math.min(PIECE_BYTES, end + 1 - at));
      if (isGone(reply)) return;
      if (at === start) writeHead(reply);
      at += piece.length;
      if (!response.write(piece)) await drained(reply);
    }
    if (!isGone(reply)) endAfterRequest(request, response);
  } catch (error) {
    // The head is out, so only the end of the connection can tell the client.
    if (response.headersSent) response.destroy();
    throw error;
  } finally {
    file.release();
  }
}

/** A response that waits behind another one on its connection never hears that the connection closed. */
function isGone({ request, response }: StaticReply): boolean {
  return response.destroyed || request.socket.destroyed;
}

/** Resolves also when the client has gone, or was ended because it takes nothing. */
function drained(reply: StaticReply): Promise<void> {
  const { request, response } = reply;
  return new Promise((resolve) => {
    if (isGone(reply)) return resolve();
    const done = (): void => {
      response.off('drain', done);
      request.socket.off('close', done);
      resolve();
    };
    response.on('drain', done);
    request.socket.on('close', done);
  });
}

function writeHead({ request, response, form, outcome, ownHeaders }: StaticReply): void {
  const head = [...form.headers, ...ownHeaders];
  if (outcome.status === 206) {
    const { start, end } = outcome;
    head.push('content-range', `bytes ${start}-${end}/${form.bytes}`);
    head.push('content-length', String(end + 1 - start));
  } else {
    if (outcome.status === 200) head.push(...WHOLE_HEADERS);
    head.push('content-length', String(form.bytes));
  }
  if (isBodyPending(request)) head.push('connection', 'close');
  response.writeHead(outcome.status, head);
}

function sendWithoutContent(reply: StaticReply, status: 304 | 412 | 416): void {
  const { request, response, form, ownHeaders } = reply;
  const head = status === 304 ? [...form.cacheHeaders, ...ownHeaders] : [...ownHeaders];
  if (status === 416) head.push('content-range', `bytes */${form.bytes}`);
  if (status !== 304) head.push('content-length', '0');
  if (isBodyPending(request)) head.push('connection', 'close');
  response.writeHead(status, head);
  endAfterRequest(request, response);
}
