/**
 * Releases of git from 2010 on: what each of them sent for the same commands (test/git/recordings/record.ts) is sent
 * again, in its order, and gets the same answers.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { inShort, readRecordings, type RecordedRequest } from './recordings/recording.ts';
import {
  anonymous,
  authorized,
  openRequest,
  readAnswer,
  type RawAnswer,
} from './support/raw-request.ts';
import { startFront, type RunningFront } from './support/start-front.ts';

// Each is some dozens of git processes: slow on a busy machine, never stuck.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const CONTINUE = 100;

let front: RunningFront;
beforeEach(async () => {
  front = await startFront();
});
afterEach(() => front[Symbol.asyncDispose]());

/** With the same head, body and transfer encoding. */
async function sendAgain(request: RecordedRequest): Promise<{ status: number; body: Buffer }> {
  const body = Buffer.from(request.body, 'base64');
  const isChunked = 'transfer-encoding' in request.headers;
  const length = body.length > 0 && !isChunked ? [`Content-Length: ${body.length}`] : [];
  const lines = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
  const own = [...lines, ...length, 'Connection: close'];
  const headers = request.isAuthorized ? authorized(...own) : anonymous(...own);
  const { method, url: target } = request;
  const socket = await openRequest(front.sockets.gitHttp, { method, target, headers });
  const answer = readAnswer(socket);
  if (isChunked) socket.write(`${body.length.toString(16)}\r\n`);
  if (body.length > 0) socket.write(body);
  if (isChunked) socket.write('\r\n0\r\n\r\n');
  const { status, head, body: text } = final(await answer);
  const bytes = Buffer.from(text, 'latin1');
  return { status, body: /^transfer-encoding: chunked/im.test(head) ? unchunked(bytes) : bytes };
}

/** What follows `100 Continue`, for a client that asked to be told so. */
function final(answer: RawAnswer): RawAnswer {
  if (answer.status !== CONTINUE) return answer;
  const end = answer.body.indexOf('\r\n\r\n');
  const head = answer.body.slice(0, end);
  return { status: Number(head.split(' ', 2)[1]), head, body: answer.body.slice(end + 4) };
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf('\r\n', at);
    const length = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (!(length > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
}

const requestsOf = (requests: RecordedRequest[], command: string): RecordedRequest[] =>
  requests.filter(({ origin, isAuthorized, method }) => {
    return isAuthorized && method === 'POST' && origin.endsWith(`: ${command}`);
  });

const recordings = readRecordings();

it('there are recordings of releases from 1.6 to 2.5x', () => {
  expect(recordings.map(({ name }) => name.replace(/^git-(\d+\.\d).*$/, '$1'))).toEqual(
    expect.arrayContaining(['1.6', '1.7', '2.0', '2.1', '2.3', '2.4', '2.5']),
  );
});

describe.each(recordings)('$name', ({ requests }) => {
  it('gets the answers that it got', async () => {
    for (const request of requests) {
      const given = inShort(request.url, await sendAgain(request));
      expect(given, `${request.origin}: ${request.method} ${request.url}`).toEqual(request.answer);
    }
    await eventually(async () => (await front.gitProcesses()).length === 0);
  });

  it('was answered as every client is', () => {
    const linesOf = (command: string): string[] =>
      requestsOf(requests, command).flatMap(({ answer }) => answer.lines);
    expect(linesOf('git push URL main v1')).toEqual([
      'unpack ok',
      'ok refs/heads/main',
      'ok refs/tags/v1',
    ]);
    expect(linesOf('git clone URL copy')).toEqual(['7 objects']);
    expect(linesOf('git push --force URL main~1:main')).toContain('ok refs/heads/main');
    expect(linesOf('git push URL :refs/heads/x')).toContain('ok refs/heads/x');
    const refused = requestsOf(requests, 'git push URL main:refs/notes/x');
    // 1.6.6 ends without a word before it sends anything.
    for (const { answer } of refused) {
      expect(answer.lines).toContain('ng refs/notes/x only branches and tags can be pushed');
    }
    expect(linesOf('git push URL main:refs/heads/chunks')).toContain('ok refs/heads/chunks');
    const unasked = requests.filter(({ isAuthorized }) => !isAuthorized);
    expect(unasked.every(({ answer }) => answer.status === 401)).toBe(true);
  });

  it('compressed what was long', () => {
    const [asked] = requestsOf(requests, 'git clone URL tips');
    expect(asked?.headers['content-encoding']).toBe('gzip');
  });
});
