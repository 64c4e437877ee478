/* oxlint-disable no-control-regex -- the numbers of bands are control characters */
/**
 * Clients beside git itself: the libraries that other tools push with, from Debian's packages, and heads as older
 * clients and none at all send them.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { newId } from '../../src/std/ids.ts';
import { provideProgram } from '../support/debian-packages.ts';
import { eventually } from '../support/eventually.ts';
import { rememberFront } from './support/left-behind.ts';
import { authorized, packet, rawRequest } from './support/raw-request.ts';
import { startFront, type RunningFront } from './support/start-front.ts';
import { createWorkTree, urlOf, type WorkTree } from './support/work-tree.ts';

// Installs packages where they are missing, and starts a Java machine for each push.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 300_000 });

const MIB = 1024 * 1024;
const CLIENTS = join(import.meta.dirname, 'clients');
const PYTHON_PACKAGES = '/usr/lib/python3/dist-packages';
const JARS = '/usr/share/java';
const CLASS_PATH = ['org.eclipse.jgit', 'slf4j-api', 'slf4j-nop', 'jsch', 'javaewah'].map(
  (name) => `${JARS}/${name}.jar`,
);

let front: RunningFront;
let work: WorkTree;
let url: string;
let app: string;

beforeAll(async () => {
  provideProgram(`${PYTHON_PACKAGES}/dulwich/__init__.py`, 'python3-dulwich');
  provideProgram(`${PYTHON_PACKAGES}/pygit2/__init__.py`, 'python3-pygit2');
  provideProgram('/usr/bin/javac', 'default-jdk-headless');
  provideProgram(`${JARS}/org.eclipse.jgit.jar`, 'libjgit-java');
  front = await startFront({ maxPackBytes: 2 * MIB });
});
afterAll(() => front[Symbol.asyncDispose]());

beforeEach(async () => {
  app = `app${newId('req').slice(4)}`;
  url = urlOf(front.origin, app);
  work = await createWorkTree();
  front.control.preReceive = async (_, call) => {
    call.progress({ line: '-----> Build' });
    return { accept: true };
  };
  return () => work[Symbol.asyncDispose]();
});

const refsOf = async (): Promise<string> => (await work.git('ls-remote', url)).text;

const clients: [string, string[]][] = [
  ['dulwich', ['/usr/bin/python3', join(CLIENTS, 'push_dulwich.py')]],
  ['libgit2', ['/usr/bin/python3', join(CLIENTS, 'push_libgit2.py')]],
  ['JGit', ['/usr/bin/java', '-cp', CLASS_PATH.join(':'), join(CLIENTS, 'Push.java')]],
];

describe.each(clients)('a push by %s', (_, command) => {
  const push = (refspec: string): Promise<{ code: number; text: string }> =>
    runClient([...command, work.path, url, refspec]);

  it('moves branches and tags, and deletes them', async () => {
    const first = await work.commit('index.ts', '1');
    expect(await push('refs/heads/main:refs/heads/main')).toMatchObject({ code: 0 });
    expect(await refsOf()).toBe(`${first}\tHEAD\n${first}\trefs/heads/main\n`);
    const second = await work.commit('index.ts', '2');
    await work.must('tag', '--annotate', '--message', 'one', 'v1');
    expect(await push('refs/heads/main:refs/heads/main')).toMatchObject({ code: 0 });
    expect(await push('refs/tags/v1:refs/tags/v1')).toMatchObject({ code: 0 });
    expect(await refsOf()).toContain(`${second}\trefs/tags/v1^{}`);
    expect(await push(':refs/tags/v1')).toMatchObject({ code: 0 });
    expect(await refsOf()).toBe(`${second}\tHEAD\n${second}\trefs/heads/main\n`);
  });

  it('that is rejected fails, shows the lines of the build, and moves nothing', async () => {
    front.control.preReceive = async (_pushed, call) => {
      call.progress({ line: ' !     index.ts:1: unexpected token' });
      return { accept: false };
    };
    await work.commit('index.ts', '1');
    const { code, text } = await push('refs/heads/main:refs/heads/main');
    expect(code, text).toBe(1);
    expect(text).toContain('index.ts:1: unexpected token');
    expect(text).toContain('pre-receive hook declined');
    expect(await refsOf()).toBe('');
  });

  it('of a ref that nobody may push fails with the reason', async () => {
    await work.commit('index.ts', '1');
    const { code, text } = await push('refs/heads/main:refs/notes/x');
    expect(code, text).toBe(1);
    expect(text).toContain('only branches and tags can be pushed');
    expect(front.control.apps.has(app)).toBe(false);
  });

  it('that is too large fails in words and leaves nothing', async () => {
    await work.commit('index.ts', '1');
    await push('refs/heads/main:refs/heads/main');
    const isAsBefore = await rememberFront(front);
    await work.commit('noise', randomBytes(3 * MIB).toString('latin1'));
    const { code, text } = await push('refs/heads/main:refs/heads/main');
    expect(code, text).toBe(1);
    expect(text).toContain('The push is larger than 2 MiB');
    await isAsBefore();
  });

  it('with a token that is none fails', async () => {
    await work.commit('index.ts', '1');
    const args = [...command, work.path, urlOf(front.origin, app, 'wrong'), 'refs/heads/main'];
    expect((await runClient(args)).code).not.toBe(0);
    expect(front.control.apps.has(app)).toBe(false);
  });
});

/** Written by hand after send-pack.c of each release and gitprotocol-pack: those clients run nowhere here. */
describe('the head of', () => {
  const ZERO = '0'.repeat(40);
  const heads: [string, string, number, RegExp][] = [
    ['git 1.6.6, which reads no bands', ' report-status', 200, /^[^\u0001]*unpack ok\n.*ok refs/s],
    ['git 1.8', ' report-status side-band-64k agent=git/1.8.5.6', 200, /\u0001.*ok refs/s],
    ['git 2.10', ' report-status side-band-64k quiet agent=git/2.10.5', 200, /\u0001.*ok refs/s],
    [
      'git 2.29 and later',
      ' report-status-v2 side-band-64k object-format=sha1 agent=git/2.47.0',
      200,
      /\u0001.*ok refs/s,
    ],
    [
      'a client that wants all at once',
      ' report-status atomic side-band-64k',
      200,
      /\u0001.*ok refs/s,
    ],
    ['a client that wants no report', ' side-band-64k', 200, /-----> Build/],
    [
      'a client of sha-256',
      ' report-status side-band-64k object-format=sha256',
      200,
      /repositories here are of sha1/,
    ],
    ['a client that knows nothing', '', 200, /^[^\u0001\u0002]*$/],
  ];
  it.each(heads)('%s is answered', async (_, capabilities, status, answer) => {
    const sha = await work.commit('index.ts', '1');
    const body = Buffer.concat([
      packet(`${ZERO} ${sha} refs/heads/main\0${capabilities}`),
      Buffer.from('0000'),
      await work.pack(sha),
    ]);
    const given = await rawRequest(front.sockets.gitHttp, {
      method: 'POST',
      target: `/${app}.git/git-receive-pack`,
      headers: authorized('Content-Type: application/x-git-receive-pack-request'),
      body,
    });
    expect(given.status).toBe(status);
    expect(given.body).toMatch(answer);
    await eventually(async () => (await front.gitProcesses()).length === 0);
  });

  it.each([
    ['the dumb protocol', 'GET', '/info/refs', 404],
    ['the dumb protocol for objects', 'GET', '/objects/info/packs', 404],
    ['WebDAV', 'PROPFIND', '/', 404],
    ['an archive', 'POST', '/git-upload-archive', 404],
  ])('%s is refused', async (_, method, rest, status) => {
    const target = `/${app}.git${rest}`;
    expect((await rawRequest(front.sockets.gitHttp, { method, target })).status).toBe(status);
  });
});

function runClient(command: string[]): Promise<{ code: number; text: string }> {
  const [program = '', ...args] = command;
  const options = { env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent', LC_ALL: 'C.UTF-8' } };
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, text: stdout + stderr });
    });
  });
}
