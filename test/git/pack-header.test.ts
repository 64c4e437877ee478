/** How many objects a push brings is read in the first bytes of its pack, over HTTP and SSH: too many are refused there. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readHead, readPackHeader } from '../../src/git/read-head.ts';
import { createPushHeadParser } from '../../src/git/request-head.ts';
import { newId } from '../../src/std/ids.ts';
import { gitOverSsh, makeIdentity, sshWords } from '../support/ssh-client.ts';
import { rememberFront } from './support/left-behind.ts';
import { authorized, openRequest, packet } from './support/raw-request.ts';
import { startFront, type RunningFront } from './support/start-front.ts';
import { createWorkTree, urlOf, type WorkTree } from './support/work-tree.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Of a commit with one file: the commit, its tree, the file. */
const MOST = 3;
const KIB = 1024;
const STALL_MS = 2_000;
const ZERO = '0'.repeat(40);
const SHA = 'a'.repeat(40);
const FLUSH = Buffer.from('0000');
const TOO_MANY = `the push has ${MOST + 1} objects; ${MOST} are taken at a time.`;
const WHAT_TO_DO = 'git push REMOTE OLDER_COMMIT:refs/heads/BRANCH';
const CAPABILITIES = 'report-status side-band-64k push-options';

const ada = makeIdentity();
let front: RunningFront;
let work: WorkTree;

beforeAll(async () => {
  const limits = { objects: MOST, commandListBytes: KIB, uploadStallMs: STALL_MS };
  front = await startFront({ isOverSsh: true, limits });
  front.control.tokens.set(ada.fingerprint, { role: 'admin' });
  work = await createWorkTree();
  await work.commit('base', 'base');
  await work.must('push', urlOf(front.origin, 'mine'), 'main');
});
afterAll(async () => {
  await work[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
});

/** A commit without a parent, of one file for each of these contents. */
async function commitAlone(contents: string[]): Promise<string> {
  await work.must('checkout', '--quiet', '--orphan', newId('req'));
  await work.git('rm', '-r', '--quiet', '--force', '.');
  for (const [index, content] of contents.entries()) {
    await writeFile(join(work.path, `file-${index}`), content);
  }
  await work.must('add', '--all');
  await work.must('commit', '--quiet', '--message', contents.join());
  return work.must('rev-parse', 'HEAD');
}

/** The beginning of a pack. */
function headerOf(objects: number): Buffer {
  const header = Buffer.from('PACK\0\0\0\u0002\0\0\0\0', 'latin1');
  header.writeUInt32BE(objects, 8);
  return header;
}

function command(newSha: string, ref: string, capabilities: string | null = CAPABILITIES): Buffer {
  const end = capabilities === null ? '' : `\0 ${capabilities}`;
  return packet(`${newSha === ZERO ? SHA : ZERO} ${newSha} ${ref}${end}`);
}

const HEAD = Buffer.concat([command(SHA, 'refs/heads/new'), FLUSH]);

function bytesOf(whole: Buffer): Buffer[] {
  return Array.from(whole, (byte) => Buffer.of(byte));
}

interface Transport {
  name: string;
  /** Sends these pieces of a push one by one and no more, and reads what comes back until it holds `words`. */
  answer: (pieces: Buffer[], words: string) => Promise<string>;
  /** The same by git's own client. */
  git: (app: string, ...args: string[]) => Promise<{ code: number | null; text: string }>;
}

const ENDS_ITS_PIECE_MS = 5;

async function collect(
  output: NodeJS.ReadableStream,
  input: NodeJS.WritableStream,
  { pieces, words }: { pieces: Buffer[]; words: string },
): Promise<string> {
  let text = '';
  const isThere = new Promise<void>((resolve) => {
    output.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes(words)) resolve();
    });
    output.on('close', resolve);
  });
  for (const piece of pieces) {
    input.write(piece);
    await delay(ENDS_ITS_PIECE_MS);
  }
  await isThere;
  return text;
}

async function overHttp(pieces: Buffer[], words: string, ...headers: string[]): Promise<string> {
  const socket = await openRequest(front.sockets.gitHttp, {
    method: 'POST',
    target: '/new.git/git-receive-pack',
    headers: authorized('Content-Length: 1000000', ...headers),
  });
  const text = await collect(socket, socket, { pieces, words });
  socket.destroy();
  return text;
}

async function overSsh(
  pieces: Buffer[],
  words: string,
  goOn: (input: Writable) => Promise<void> = async () => {},
): Promise<string> {
  const [file = 'ssh', ...options] = sshWords([ada], ['-p', String(front.sshPort)]);
  const child = spawn(file, [...options, 'git@127.0.0.1', "git-receive-pack '/new'"]);
  const output = new PassThrough();
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  child.on('close', () => output.destroy());
  child.stdin.on('error', () => {});
  const collected = collect(output, child.stdin, { pieces, words });
  await goOn(child.stdin);
  const text = await collected;
  child.kill('SIGKILL');
  return text;
}

const TRANSPORTS: Transport[] = [
  {
    name: 'HTTP',
    answer: overHttp,
    git: (app, ...args) => {
      const [what = '', ...more] = args;
      return work.git('push', ...more, urlOf(front.origin, app), what);
    },
  },
  {
    name: 'SSH',
    answer: overSsh,
    async git(app, ...args) {
      const [what = '', ...more] = args;
      const url = `ssh://git@127.0.0.1:${front.sshPort}/${app}`;
      const { code, output } = await gitOverSsh([ada], ['push', ...more, url, what], work.path);
      return { code, text: output };
    },
  },
];

describe.each(TRANSPORTS)('over $name a push', ({ name, answer, git }) => {
  it('of as many objects as may be is taken, with options and without', async () => {
    await commitAlone([`exactly ${name}`]);
    const pushed = await git('mine', `HEAD:refs/heads/exactly-${name}`, '-o', 'key=value');
    expect(pushed, pushed.text).toMatchObject({ code: 0 });
    expect(await git('mine', `HEAD:refs/heads/again-${name}`, '-o', '')).toMatchObject({ code: 0 });
  });

  it('that only deletes has no pack, and waits for none', async () => {
    for (const options of [[], ['-o', 'key=value']]) {
      const made = await git('mine', `main:refs/heads/gone-${name}`);
      expect(made, made.text).toMatchObject({ code: 0 });
      const { code, text } = await git('mine', `:refs/heads/gone-${name}`, ...options);
      expect(code, text).toBe(0);
      expect(text).toContain('[deleted]');
    }
  });

  describe('is refused, and nothing is left,', () => {
    beforeEach(async () => {
      const isAsBefore = await rememberFront(front);
      return async () => {
        await isAsBefore();
        expect(front.control.apps.has('new')).toBe(false);
      };
    });

    it('with one object more, and its pusher reads what to do', async () => {
      await commitAlone([`one ${name}`, `two ${name}`]);
      const { code, text } = await git('new', `HEAD:refs/heads/more`);
      expect(code).not.toBe(0);
      expect(text).toContain(`remote:  !     ${TOO_MANY}`);
      expect(text).toContain(`       Push a long history in parts: ${WHAT_TO_DO}`);
    });

    it('before more of its pack has come, and no git was started for it', async () => {
      const text = await answer([HEAD, headerOf(MOST + 1)], WHAT_TO_DO);
      expect(text).toContain(`\u0003 !     ${TOO_MANY}`);
      expect(await front.gitProcesses()).toEqual([]);
    });

    it.each([0x7f_ff_ff_ff, 0x80_00_00_00, 0xff_ff_ff_ff])('with %i objects', async (objects) => {
      const words = `the push has ${objects.toLocaleString('en')} objects`;
      expect(await answer([HEAD, headerOf(objects)], words)).toContain(words);
    });

    it.each<[string, Buffer[]]>([
      ['behind options', [HEAD, packet('a=b'), packet(''), FLUSH, headerOf(MOST + 1)]],
      ['behind options that are none', [HEAD, FLUSH, headerOf(MOST + 1)]],
      ['behind shallow lines', [packet(`shallow ${SHA}\n`), HEAD, headerOf(MOST + 1)]],
      [
        'beside what it deletes',
        [
          command(ZERO, 'refs/heads/main'),
          command(SHA, 'refs/heads/new', null),
          FLUSH,
          headerOf(MOST + 1),
        ],
      ],
      [
        'and no report was asked for',
        [command(SHA, 'refs/heads/new', 'side-band-64k'), FLUSH, headerOf(MOST + 1)],
      ],
      ['byte by byte', [HEAD, ...bytesOf(Buffer.concat([packet('o'), FLUSH, headerOf(MOST + 1)]))]],
    ])('%s', async (_, pieces) => {
      expect(await answer(pieces, WHAT_TO_DO)).toContain(`\u0003 !     ${TOO_MANY}`);
    });

    it('when it reads no bands', async () => {
      const head = Buffer.concat([command(SHA, 'refs/heads/new', 'report-status'), FLUSH]);
      const text = await answer([head, headerOf(MOST + 1)], WHAT_TO_DO);
      expect(text).toContain(TOO_MANY);
      if (name === 'HTTP') expect(text).toMatch(/^HTTP\/1.1 413 /);
    });

    it.each<[string, Buffer[], string]>([
      ['no pack', [HEAD, Buffer.from('KCAP')], 'not in the git protocol'],
      ['two lists of options', [HEAD, FLUSH, packet('a'), FLUSH], 'not in the git protocol'],
      [
        'endless options',
        [HEAD, ...Array.from({ length: 20 }, () => packet('o'.repeat(60)))],
        'the refs and options of the push have more than',
      ],
    ])('with %s', async (_, pieces, words) => {
      expect(await answer(pieces, words)).toContain(words);
    });
  });
});

it('over SSH a client may be at work on its pack for long, with options before it', async () => {
  const pieces = [HEAD, packet('o'), FLUSH];
  let isEarly = true;
  const answered = overSsh(pieces, WHAT_TO_DO, async (input) => {
    await delay(2.5 * STALL_MS);
    isEarly = false;
    input.write(headerOf(MOST + 1));
  });
  expect(await answered).toContain(TOO_MANY);
  expect(isEarly).toBe(false);
});

describe('over HTTP a push is refused, and nothing is left,', () => {
  beforeEach(() => rememberFront(front));

  it('when its body is compressed', async () => {
    const body = gzipSync(Buffer.concat([HEAD, headerOf(MOST + 1)]));
    const encoding = 'Content-Encoding: gzip';
    const text = await overHttp([body.subarray(0, 30), body.subarray(30)], WHAT_TO_DO, encoding);
    expect(text).toContain(`\u0003 !     ${TOO_MANY}`);
  });

  it('when it ends before its pack', async () => {
    const length = `Content-Length: ${HEAD.length + 4}`;
    const socket = await openRequest(front.sockets.gitHttp, {
      method: 'POST',
      target: '/mine.git/git-receive-pack',
      headers: authorized(length),
    });
    const pieces = [HEAD, Buffer.from('PACK')];
    const words = 'the request ends too early';
    expect(await collect(socket, socket, { pieces, words })).toContain(words);
    socket.destroy();
  });

  it('when its pack has more objects than it says', async () => {
    const sha = await commitAlone(['one', 'two']);
    const pack = (await work.pack(sha)).subarray(0, -20);
    expect(pack.readUInt32BE(8)).toBe(MOST + 1);
    pack.writeUInt32BE(MOST, 8);
    const sum = createHash('sha1').update(pack).digest();
    const body = Buffer.concat([command(sha, 'refs/heads/liar'), FLUSH, FLUSH, pack, sum]);
    const socket = await openRequest(front.sockets.gitHttp, {
      method: 'POST',
      target: '/mine.git/git-receive-pack',
      headers: authorized(`Content-Length: ${body.length}`, 'Connection: close'),
    });
    const words = 'ng refs/heads/liar';
    expect(await collect(socket, socket, { pieces: [body], words })).toContain(words);
    expect(await front.gitProcesses()).toEqual([]);
  });
});

describe('the header of a pack', () => {
  const options = Buffer.concat([packet('first'), packet(''), FLUSH]);
  const shallow = packet(`shallow ${SHA}\n`);
  it.each<[string, Buffer]>([
    ['the head', HEAD],
    ['options', Buffer.concat([HEAD, options])],
    ['shallow lines and options', Buffer.concat([shallow, HEAD, options])],
    ['several refs', Buffer.concat([command(SHA, 'refs/heads/a'), HEAD])],
  ])('behind %s is read alike at any boundary, and stays in the body', async (_, before) => {
    const push = Buffer.concat([before, headerOf(70_000), Buffer.from('the rest')]);
    for (let cut = 1; cut < push.length; cut += 1) {
      const body = new PassThrough();
      body.write(push.subarray(0, cut));
      const reading = readAll(body);
      await new Promise((resolve) => setImmediate(resolve));
      body.end(push.subarray(cut));
      const { header, opening } = await reading;
      expect(header, `cut at ${cut}`).toEqual({ at: before.length, objects: 70_000 });
      const rest = Buffer.concat(await Array.fromAsync(body as AsyncIterable<Buffer>));
      expect(Buffer.concat([opening, rest])).toEqual(push);
    }
  });

  it('is waited for up to as many bytes as may stand before it, wherever they are cut', async () => {
    const room = KIB - HEAD.length - FLUSH.length - 4;
    for (const [size, isTaken] of [
      [room, true],
      [room + 1, false],
    ] as const) {
      const push = Buffer.concat([HEAD, packet('o'.repeat(size)), FLUSH, headerOf(1)]);
      for (const cut of [push.length - 1, push.length - 11, push.length - 15, 300]) {
        const body = new PassThrough();
        body.write(push.subarray(0, cut));
        const reading = readAll(body).then(
          () => true,
          () => false,
        );
        await new Promise((resolve) => setImmediate(resolve));
        body.end(push.subarray(cut));
        expect(await reading, `${size} bytes cut at ${cut}`).toBe(isTaken);
      }
    }
  });
});

async function readAll(body: PassThrough) {
  const { head, opening } = await readHead(body, createPushHeadParser(), KIB);
  if (head.kind !== 'push') throw new Error(`a ${head.kind}`);
  return { opening, header: await readPackHeader(body, head, KIB) };
}
