/** What git clients send to the git front, and its hooks: as git itself reads it, or refused, in time that grows with it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseHookInput } from '../../src/git/hook-input.ts';
import { DEFAULT_LIMITS } from '../../src/git/limits.ts';
import { encodePacket, FLUSH_PACKET, readPacket } from '../../src/git/packet-line.ts';
import { refusedRefsReport } from '../../src/git/push-report.ts';
import { Refusal } from '../../src/git/refusal.ts';
import { openRequestBody } from '../../src/git/http-channel.ts';
import { createPackHeaderParser, type PackHeader } from '../../src/git/pack-header.ts';
import { readHead, readPackHeader } from '../../src/git/read-head.ts';
import {
  createFetchHeadParser,
  createPushHeadParser,
  type RequestHead,
} from '../../src/git/request-head.ts';
import { parseTarget } from '../../src/git/target.ts';
import { refProblem } from '../../src/model/ref.ts';
import { bodyOf, readRecordings } from '../git/recordings/recording.ts';
import { effort, FUZZ_TIMEOUT_MS, nearly } from './fuzz.ts';

/** As git's own releases sent them. */
const CORPUS = readRecordings().flatMap(({ requests }) => requests);

const folder = mkdtempSync(join(tmpdir(), 'gitfn-fuzz-'));
const repository = join(folder, 'hello.git');
afterAll(() => rmSync(folder, { recursive: true }));

function git(args: string[], input?: Buffer): { status: number | null; output: Buffer } {
  const env = { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
  const { status, stdout } = spawnSync('git', args, { env, ...(input !== undefined && { input }) });
  return { status, output: stdout };
}

git(['init', '--quiet', '--bare', repository]);
git(['-C', repository, 'config', 'receive.advertisePushOptions', 'true']);

/** The value, or null when it was refused as a client is to be refused. */
function unlessRefused<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal);
    return null;
  }
}

const bodies = (service: string): Buffer[] =>
  CORPUS.filter(({ method, url }) => method === 'POST' && url.endsWith(`git-${service}`)).map(
    bodyOf,
  );

const name = fc.oneof(
  fc.constantFrom('main', 'a/b', 'ä', 'a..b', 'a.lock', '.a', 'a/', '@', '@{1}', 'x\n', 'a b'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc
    .array(fc.constantFrom('a', '.', '/', '-', '@', '{', '.lock', '\\', '\u00a0', '\n'), {
      maxLength: 8,
    })
    .map((parts) => parts.join('')),
);
const ref = fc
  .tuple(fc.constantFrom('refs/heads/', 'refs/tags/', 'refs/live/', 'refs/', ''), name)
  .map((parts) => parts.join(''));

const sha = fc.constantFrom('0'.repeat(40), 'a'.repeat(40), 'A'.repeat(40), 'short');
/** Most are deletions, which git reports on without a pack. */
const newSha = fc.oneof({ weight: 5, arbitrary: fc.constant('0'.repeat(40)) }, sha);
const ending = fc.constantFrom(
  '',
  '\n',
  '\0report-status',
  '\0 report-status\n',
  '\n\0report-status',
);
const command = fc
  .tuple(sha, newSha, ref, ending)
  .map(([old, next, to, end]) => encodePacket(`${old} ${next} ${to}${end}`));
const commandLists = fc.tuple(ref, fc.array(command, { maxLength: 4 })).map(([to, more]) => {
  const zero = '0'.repeat(40);
  const first = encodePacket(`${zero} ${zero} ${to}\0 report-status delete-refs`);
  return Buffer.concat([first, ...more, Buffer.from(FLUSH_PACKET)]);
});

describe('an address', () => {
  const address = fc.oneof(
    nearly(fc.constantFrom(...CORPUS.map(({ url }) => Buffer.from(url)))).map((bytes) =>
      bytes.toString('latin1'),
    ),
    fc.webPath({ size: 'small' }),
    fc.webUrl({ withQueryParameters: true }),
  );

  it(
    'that is taken is the one that every other parser of it reads',
    () => {
      const methods = fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', '');
      const property = fc.property(methods, address, (method, url) => {
        const target = unlessRefused(() => parseTarget(method, url));
        if (target === null) return;
        const { appName, service, kind } = target;
        const parsed = new URL(url, 'http://localhost');
        expect(parsed.pathname + parsed.search).toBe(url);
        const rest = kind === 'exchange' ? `git-${service}` : `info/refs?service=git-${service}`;
        expect(url).toBe(`/${appName}.git/${rest}`);
        expect(method).toBe(kind === 'exchange' ? 'POST' : 'GET');
      });
      fc.assert(property, effort(2_000));
    },
    FUZZ_TIMEOUT_MS,
  );

  it("that git's releases send is taken", () => {
    for (const { method, url } of CORPUS) expect(parseTarget(method, url).appName).toBe('hello');
  });
});

describe('the name of a ref', () => {
  it(
    'that may be pushed is one that git takes',
    () => {
      const property = fc.property(ref, (to) => {
        if (refProblem(to) !== null) return;
        expect({ to, ...git(['check-ref-format', to]) }).toMatchObject({ status: 0 });
      });
      fc.assert(property, effort(400));
    },
    FUZZ_TIMEOUT_MS,
  );
});

/** The refs that git says it has read, with nothing of why: null when it refuses the whole request. */
function reportedBy(body: Buffer): Buffer[] | null {
  const { output } = git(['receive-pack', '--stateless-rpc', repository], body);
  const lines: Buffer[] = [];
  for (
    let packet = readPacket(output, 0);
    packet !== null;
    packet = readPacket(output, packet.end)
  ) {
    if (packet.payload !== null) lines.push(packet.payload);
    if (packet.end >= output.length) break;
  }
  if (lines[0]?.toString().startsWith('unpack ') !== true) return null;
  return lines.slice(1);
}

describe('the head of a push', () => {
  it(
    'names the refs that git reads in it, or is refused',
    () => {
      const property = fc.property(nearly(commandLists), (body) => {
        const head = unlessRefused(() => createPushHeadParser().parse(body));
        if (head?.kind !== 'push' || !head.capabilities.includes('report-status')) return;
        const reported = reportedBy(body.subarray(0, head.bytes));
        if (reported === null) return;
        const names = head.commands.map((one) => one.ref);
        expect(reported).toHaveLength(names.length);
        for (const [index, line] of reported.entries()) {
          const expected = names[index] ?? Buffer.alloc(0);
          expect(line.subarray(3, 3 + expected.length)).toEqual(expected);
          // What follows is git's reason, or the end.
          expect(line.subarray(3 + expected.length).toString()).toMatch(/^(\n$| )/);
        }
      });
      fc.assert(property, effort(150));
    },
    FUZZ_TIMEOUT_MS,
  );

  it('of a real client is read, and that of each fetch', () => {
    const heads = bodies('receive-pack').map((body) => createPushHeadParser().parse(body));
    expect(heads.map((head) => head?.kind)).toEqual(
      heads.map((_, index) => (bodies('receive-pack')[index]?.length === 4 ? 'probe' : 'push')),
    );
    const refs = heads.flatMap((head) => (head?.kind === 'push' ? head.commands : []));
    expect(refs.length).toBeGreaterThan(400);
    const refused = refs
      .map(({ ref: to }) => to.toString())
      .filter((to) => refProblem(to) !== null);
    expect(new Set(refused)).toEqual(new Set(['refs/notes/x']));
    const fetches = bodies('upload-pack').map((body) => createFetchHeadParser().parse(body)?.kind);
    expect(new Set(fetches)).toEqual(new Set(['fetch']));
  });

  it(
    'that is refused for its refs is reported on as git does',
    () => {
      const property = fc.property(commandLists, (body) => {
        const head = unlessRefused(() => createPushHeadParser().parse(body));
        if (head?.kind !== 'push') return;
        const report = unlessRefused(() => refusedRefsReport(head));
        const isPushable = head.commands.every(({ ref: to }) => refProblem(to.toString()) === null);
        if (report === null) return;
        expect(isPushable).toBe(false);
        const lines: string[] = [];
        let at = 0;
        for (
          let packet = readPacket(report, at);
          packet !== null;
          packet = readPacket(report, at)
        ) {
          at = packet.end;
          if (packet.payload !== null) lines.push(packet.payload.toString());
        }
        expect(at).toBe(report.length);
        expect(lines).toHaveLength(1 + head.commands.length);
      });
      fc.assert(property, effort(500));
    },
    FUZZ_TIMEOUT_MS,
  );
});

/** A request whose body comes in these pieces; it is broken off when they are not all. */
function requestOf(
  pieces: Buffer[],
  headers: Record<string, string>,
  { isComplete }: { isComplete: boolean },
): IncomingMessage {
  const stream = new PassThrough();
  const request = Object.assign(stream, { headers, complete: isComplete });
  for (const piece of pieces) stream.write(piece);
  if (isComplete) stream.end();
  else setImmediate(() => stream.destroy());
  return request as unknown as IncomingMessage;
}

function cut(whole: Buffer, size: number): Buffer[] {
  const count = Math.ceil(whole.length / size);
  return Array.from({ length: count }, (_, at) => whole.subarray(at * size, (at + 1) * size));
}

async function readPushHead(request: IncomingMessage): Promise<RequestHead | null> {
  const limits = { ...DEFAULT_LIMITS, uploadStallMs: 2_000 };
  try {
    const maxBytes = 4 * 1024 * 1024;
    const body = openRequestBody(request, { limits, maxBytes, onReceived: () => {} });
    const { head, opening } = await readHead(body, createPushHeadParser(), 1024 * 1024);
    expect(opening).toHaveLength(head.openingBytes);
    body.destroy();
    return head;
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal);
    return null;
  } finally {
    request.destroy();
  }
}

describe('the body of a push', () => {
  it(
    'is read the same in any pieces and encodings, or refused',
    async () => {
      const pushes = fc.oneof(commandLists, fc.constantFrom(...bodies('receive-pack')));
      const sizes = fc.constantFrom(1, 3, 64, 10_000);
      const encodings = fc.constantFrom('gzip', 'x-gzip', 'identity', 'deflate', 'constructor', '');
      const property = fc.asyncProperty(
        ...([nearly(pushes), sizes, encodings, fc.boolean(), fc.boolean()] as const),
        async (body, size, encoding, isCompressed, isComplete) => {
          const sent = isCompressed ? gzipSync(body) : body;
          const headers: Record<string, string> =
            encoding === '' ? {} : { 'content-encoding': encoding };
          const head = await readPushHead(requestOf(cut(sent, size), headers, { isComplete }));
          const isTrue = isCompressed === encoding.endsWith('gzip');
          if (head === null || !isTrue) return;
          expect(head).toEqual(createPushHeadParser().parse(body));
        },
      );
      await fc.assert(property, effort(150));
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe('the pack of a push', () => {
  const MAX_BYTES = 1024 * 1024;
  const blob = git(['-C', repository, 'hash-object', '-w', '--stdin'], Buffer.from('packed'));
  const id = blob.output.toString().trim();
  const packed = git(['-C', repository, 'pack-objects', '--stdout', '-q'], Buffer.from(id));
  const pack = packed.output;
  const zero = '0'.repeat(40);
  const flush = Buffer.from(FLUSH_PACKET);

  const capabilities = fc
    .array(fc.constantFrom('report-status', 'push-options', 'push-options=1', 'x', '\t', '\n'))
    .map((words) => `\0 report-status ${words.join(' ')}`);
  const more = fc.array(
    fc.constantFrom(
      encodePacket(`${zero} ${zero} refs/heads/b`),
      encodePacket(`${zero} ${zero} refs/heads/c\0push-options`),
      encodePacket(`shallow ${'a'.repeat(40)}`),
    ),
    { maxLength: 2 },
  );
  const heads = fc
    .tuple(fc.constantFrom('refs/tags/x', 'refs/heads/x'), capabilities, more)
    .map(([to, words, rest]) =>
      Buffer.concat([encodePacket(`${zero} ${id} ${to}${words}`), ...rest, flush]),
    );
  const parts = fc.constantFrom('PACK', 'a=b', '', 'PACK\0\0\0\u0002\0\0\0\u0001');
  const options = fc
    .array(
      fc.oneof(parts.map(encodePacket), fc.constantFrom('0000', '0001', '0002', '0004', '000')),
    )
    .map((packets) => Buffer.concat(packets.map((packet) => Buffer.from(packet))));
  const between = fc.oneof(
    fc.constantFrom(Buffer.alloc(0), flush),
    options.map((bytes) => Buffer.concat([bytes, flush])),
    nearly(options),
  );

  function headerIn(body: Buffer): PackHeader | null {
    const head = unlessRefused(() => createPushHeadParser().parse(body));
    if (head?.kind !== 'push') return null;
    const place = { offset: 0, headBytes: head.bytes };
    return unlessRefused(() => createPackHeaderParser(place, MAX_BYTES).parse(body));
  }

  it(
    'that git takes was found where it is, with the number of its objects, or never reaches git',
    () => {
      let found = 0;
      const property = fc.property(heads, between, (head, middle) => {
        const body = Buffer.concat([head, middle, pack]);
        const place = { offset: 0, headBytes: head.length };
        // Git lets a delimiter end the options, which no client sends.
        const header = unlessRefused(() => [createPackHeaderParser(place, MAX_BYTES).parse(body)]);
        if (header === null) return;
        const { output } = git(['receive-pack', '--stateless-rpc', repository], body);
        if (!output.includes('unpack ok')) return;
        found += 1;
        expect(header).toEqual([{ at: head.length + middle.length, objects: 1 }]);
      });
      fc.assert(property, effort(150));
      expect(found).toBeGreaterThan(10);
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'is found alike in any pieces, and no byte before or of it is lost',
    async () => {
      const property = fc.asyncProperty(
        nearly(fc.tuple(heads, between).map((two) => Buffer.concat([...two, pack]))),
        fc.constantFrom(1, 3, 64, 10_000),
        async (body, size) => {
          const stream = new PassThrough();
          for (const piece of cut(body, size)) stream.write(piece);
          stream.end();
          const expected = headerIn(body);
          const read = await readWithPack(stream);
          if (read === null) {
            expect(expected).toBeNull();
            return;
          }
          if (read.bringsPack) expect(read.header).toEqual(expected);
          const rest = await Array.fromAsync(stream as AsyncIterable<Buffer>);
          expect(Buffer.concat([read.opening, ...rest])).toEqual(body);
        },
      );
      await fc.assert(property, effort(150));
    },
    FUZZ_TIMEOUT_MS,
  );

  /** Null when it was refused, or is no push. */
  async function readWithPack(stream: PassThrough) {
    try {
      const { head, opening } = await readHead(stream, createPushHeadParser(), MAX_BYTES);
      if (head.kind !== 'push') return null;
      const header = await readPackHeader(stream, head, MAX_BYTES);
      return { opening, header, bringsPack: head.bringsPack };
    } catch (error) {
      expect(error).toBeInstanceOf(Refusal);
      return null;
    }
  }
});

describe("a hook's input", () => {
  const line = fc.tuple(sha, sha, ref).map((parts) => parts.join(' '));
  const input = fc
    .tuple(
      fc.constantFrom('pre-receive', 'post-receive', 'update'),
      fc.constantFrom('12', '-1', '99999999999'),
      fc.constantFrom('-', '/r/hello.git/objects/incoming-abcdef', '../x', ''),
      fc.array(line, { maxLength: 4 }),
    )
    .map(([hook, pid, path, lines]) => [`${hook} ${pid} ${path}`, ...lines, ''].join('\n'));

  it(
    'is read to its last byte, or not at all',
    () => {
      const property = fc.property(nearly(input.map((text) => Buffer.from(text))), (bytes) => {
        const read = parseHookInput(bytes);
        if (read === null) return;
        const { hook, pid, quarantine, updates } = read;
        const written = [
          `${hook} ${String(pid)} ${quarantine ?? '-'}`,
          ...updates.map((update) => `${update.oldSha} ${update.newSha} ${update.ref}`),
        ];
        const digits = /^\S+ 0*(\d+)/.exec(bytes.toString())?.[1];
        expect(String(pid)).toBe(digits);
        const text = bytes.toString().replace(/^(\S+) 0+(?=\d)/, '$1 ');
        expect(`${written.join('\n')}\n`).toBe(text);
      });
      fc.assert(property, effort(1_000));
    },
    FUZZ_TIMEOUT_MS,
  );
});

/** Processor time of this process. */
async function processorMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describe('processor time', () => {
  const zero = '0'.repeat(40);
  const capabilities = '\0report-status side-band-64k';
  const commands = (count: number): Buffer =>
    Buffer.concat([
      encodePacket(`${zero} ${zero} refs/heads/main${capabilities}`),
      ...Array.from({ length: count }, (_, at) =>
        encodePacket(`${zero} ${zero} refs/live/${at}\n`),
      ),
      Buffer.from(FLUSH_PACKET),
    ]);
  const reported = (body: Buffer): void => {
    const head = createPushHeadParser().parse(body);
    if (head?.kind === 'push') refusedRefsReport(head);
  };
  const hook = (count: number): Buffer =>
    Buffer.from(`post-receive 1 -\n${`${zero} ${zero} refs/heads/a\n`.repeat(count)}`);

  /** Eight times as much may take four times that; what takes no second is not looked at, since garbage is collected at times. */
  const GROWTH = 8;
  const MARGIN = 4;
  const FLOOR_MS = 1_000;

  it.each<[what: string, small: number, run: (size: number) => () => unknown]>([
    [
      'a list of commands and the report on it',
      1_000,
      (size) => {
        const body = commands(size);
        return () => reported(body);
      },
    ],
    [
      'a head that comes byte by byte',
      400,
      (size) => {
        const body = commands(size);
        return async () => {
          const head = await readPushHead(requestOf(cut(body, 1), {}, { isComplete: true }));
          expect(head?.kind).toBe('push');
        };
      },
    ],
    [
      'the input of a hook',
      1_500,
      (size) => {
        const input = hook(size);
        return () => parseHookInput(input);
      },
    ],
    [
      'an address',
      100_000,
      (size) => () => {
        for (const piece of ['a', '/', '%2e', 'a.git/']) {
          unlessRefused(() => parseTarget('GET', `/${piece.repeat(size)}`));
        }
      },
    ],
    [
      'the name of a ref',
      20_000,
      (size) => () => {
        for (const piece of ['a/', '.lock', 'é']) refProblem(`refs/heads/${piece.repeat(size)}`);
      },
    ],
  ])('of %s grows with its size', async (_, small, run) => {
    await run(small)();
    const first = await processorMs(run(small));
    const second = await processorMs(run(small * GROWTH));
    expect(second).toBeLessThan(Math.max(first * GROWTH * MARGIN, FLOOR_MS));
  });
});
