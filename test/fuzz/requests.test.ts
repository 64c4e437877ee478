/** Bytes that are nearly requests: what is behind the door sees at most what a strict reader of HTTP takes them for. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { startRecordedDoor, type RecordedDoor } from '../support/recorded-door.ts';
import { readStrictly, type StrictRequest } from '../support/strict-http.ts';
import { effort, FUZZ_TIMEOUT_MS, nearly } from './fuzz.ts';

/** Without news for so long, the door waits for more bytes. */
const QUIET_MS = 5;

let door: RecordedDoor;

beforeAll(async () => {
  door = await startRecordedDoor();
});
afterAll(() => door.close());

const lineEnd = fc.oneof(
  { weight: 60, arbitrary: fc.constant('\r\n') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('\n', '\r', '\r\r\n', '\n\r', '\r\n ', '\r\n\t', ' \r\n', '\0\r\n'),
  },
);
const oddHeader = fc.constantFrom(
  'Content-Length: 3',
  'content-length: 0',
  'Content-Length: +3',
  'Content-Length: 3, 3',
  'Content-Length : 3',
  'Content-Length: 0x3',
  'Content-Length:\x0b3',
  'Content_Length: 3',
  'Transfer-Encoding: chunked',
  'transfer-encoding: Chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\tchunked ',
  'TE: trailers, chunked',
  'Connection: close',
  'Connection: content-length, transfer-encoding, host',
  'Host: other.localhost',
  'Trailer: content-length',
  'Expect: 100-continue',
  'X-A: b\rc',
  'X-A:',
  'X A: b',
  ' X-A: b',
);
const version = fc.oneof(
  { weight: 20, arbitrary: fc.constant('HTTP/1.1') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/1.2', 'HTTP/0.9', 'http/1.1', ''),
  },
);
const text = fc.constantFrom('', 'abc', 'GET /smuggled HTTP/1.1\r\nHost: hello.localhost\r\n\r\n');

interface Parts {
  method: string;
  target: string;
  version: string;
  framing: 'none' | 'length' | 'chunks';
  body: string;
  odd: string[];
  end: string;
}

/** One request; `oddities` is how many odd headers it may have. */
function request(host: string, targets: string[], oddities: number): fc.Arbitrary<string> {
  const parts = fc.record<Parts>({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS'),
    target: fc.constantFrom(...targets),
    version: oddities === 0 ? fc.constant('HTTP/1.1') : version,
    framing: fc.constantFrom('none', 'length', 'chunks'),
    body: text,
    odd: fc.array(oddHeader, { maxLength: oddities }),
    end: oddities === 0 ? fc.constant('\r\n') : lineEnd,
  });
  return parts.map((one) => written(one, host));
}

function written(
  { method, target, version: spoken, framing, body, odd, end }: Parts,
  host: string,
): string {
  const lines = [`${method} ${target} ${spoken}`, `Host: ${host}`, ...odd];
  if (framing === 'length') lines.push(`Content-Length: ${body.length}`);
  if (framing === 'chunks') lines.push('Transfer-Encoding: chunked');
  const head = lines.join('\r\n') + end + '\r\n';
  if (framing === 'none') return head;
  if (framing === 'length') return head + body;
  const chunk = body === '' ? '' : `${body.length.toString(16)}${end}${body}\r\n`;
  return `${head}${chunk}0\r\n${end}`;
}

/** Several requests on one connection, then a few bytes of them changed. */
function pipeline(host: string, targets: string[]): fc.Arbitrary<Buffer> {
  const requests = fc
    .array(request(host, targets, 2), { minLength: 1, maxLength: 4 })
    .map((all) => Buffer.from(all.join(''), 'latin1'));
  return fc.oneof(requests, nearly(requests));
}

/** All that the door answers to these bytes, which come in two pieces. */
async function exchange(bytes: Buffer, cut: number): Promise<string> {
  const client = new RawConnection(door.port);
  const border = cut % (bytes.length + 1);
  client.send(bytes.toString('latin1', 0, border));
  client.send(bytes.toString('latin1', border));
  for (let known = -1; known < client.received.length && !client.isClosed;) {
    known = client.received.length;
    await new Promise((wake) => setTimeout(wake, QUIET_MS));
  }
  client.socket.end();
  return client.closed();
}

function finalStatuses(answers: string): number[] {
  return Array.from(answers.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, code]) => Number(code)).filter(
    (code) => code >= 200,
  );
}

function isBareRead({ method, headers, body }: StrictRequest): boolean {
  const isFramed = headers.some(
    ([name, value]) => name === 'transfer-encoding' || (name === 'content-length' && value !== '0'),
  );
  return (method === 'GET' || method === 'HEAD') && !isFramed && body.length === 0;
}

function summary({
  method,
  target,
  body,
}: Pick<StrictRequest, 'method' | 'target' | 'body'>): string {
  return `${method} ${target} ${body.toString('latin1')}`;
}

describe('of bytes that are nearly requests', () => {
  it(
    'a function sees a beginning of what a strict reader sees, and each that it sees is answered once',
    async () => {
      const bytes = pipeline('hello.localhost', [
        '/',
        '/a?b',
        '*',
        '/x%0d%0a',
        'http://hello.localhost/',
      ]);
      const property = fc.asyncProperty(bytes, fc.nat(), async (sent, cut) => {
        door.forget();
        const statuses = finalStatuses(await exchange(sent, cut));
        if (statuses.includes(404)) return; // A changed byte has named another host, where nothing is.
        const allowed = readStrictly(sent).requests.map(summary);
        const whole = door.seen.filter(({ isWhole }) => isWhole).map(summary);
        expect(whole).toEqual(allowed.slice(0, whole.length));
        expect(door.seen.length).toBeLessThanOrEqual(whole.length + 1);
        // At most one refusal, behind all that was served.
        expect(statuses.slice(0, whole.length)).toEqual(whole.map(() => 200));
        expect(statuses.length).toBeLessThanOrEqual(whole.length + 1);
        if (statuses.length > whole.length) expect(statuses.at(-1)).toBeGreaterThanOrEqual(400);
      });
      await fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'control and the git front get what changes something on a connection of its own, and nothing that a strict reader does not see',
    async () => {
      const bytes = pipeline('localhost', [
        '/functions',
        '/a.git/git-receive-pack',
        '/a.git/info/refs?x',
      ]);
      const property = fc.asyncProperty(bytes, fc.nat(), async (sent, cut) => {
        door.forget();
        await exchange(sent, cut);
        const readings = [...door.control.readings, ...door.git.readings];
        for (const { requests, end } of readings) {
          // Reads without a body share one: nothing of theirs can be taken for the next.
          if (!requests.every(isBareRead)) expect(requests.length).toBe(1);
          expect(end).toBe(requests.length > 0 || end === 'clean' ? 'clean' : 'begun');
        }
        const allowed = readStrictly(sent).requests.map(summary);
        for (const { requests } of readings) {
          for (const one of requests) expect(allowed).toContain(summary(one));
        }
        expect(readings.length).toBeLessThanOrEqual(allowed.length + 1);
      });
      await fc.assert(property, effort(100));
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe('of requests that are in order', () => {
  it(
    'all are served, in their order, in whatever pieces they come',
    async () => {
      const requests = fc.array(request('hello.localhost', ['/', '/a?b'], 0), {
        minLength: 1,
        maxLength: 5,
      });
      const property = fc.asyncProperty(requests, fc.nat(), async (all, cut) => {
        door.forget();
        const last = 'GET /last HTTP/1.1\r\nHost: hello.localhost\r\nConnection: close\r\n\r\n';
        const sent = Buffer.from(all.join('') + last, 'latin1');
        const client = new RawConnection(door.port);
        const border = cut % (sent.length + 1);
        client.send(sent.toString('latin1', 0, border));
        client.send(sent.toString('latin1', border));
        const statuses = finalStatuses(await client.closed());
        const strict = readStrictly(sent);
        expect(strict.end).toBe('clean');
        await eventually(() => door.seen.length >= strict.requests.length);
        expect(door.seen.map(summary)).toEqual(strict.requests.map(summary));
        expect(statuses).toEqual(strict.requests.map(() => 200));
      });
      await fc.assert(property, effort(100));
    },
    FUZZ_TIMEOUT_MS,
  );
});
