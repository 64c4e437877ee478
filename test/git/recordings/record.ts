/**
 * `node test/git/recordings/record.ts GIT…`: records what each of these git programs sends to the front for the commands
 * of `steps` and what it is answered, into test/fixtures/git-requests. A release's source is built by `make prefix=…
 * NO_OPENSSL=1 BLK_SHA1=1 NO_GETTEXT=1 NO_TCLTK=1 NO_EXPAT=1 NO_PERL=1 NO_PYTHON=1 NO_RUST=1 install` with the headers
 * of libcurl, whose version says what stands in the head of each request beside what git puts there.
 */
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { startFront } from '../support/start-front.ts';
import { urlOf } from '../support/work-tree.ts';
import { inShort, RECORDINGS, type RecordedRequest } from './recording.ts';

const APP = 'hello';
/** Of the connection, or of who asks: given anew by whoever replays. */
const LEFT_OUT = new Set(['host', 'authorization', 'connection', 'content-length']);

interface Step {
  /** Below the folder of the recording. */
  folder: 'work' | 'copy' | 'shallow' | '.';
  /** Done by the machine's git, and not recorded. */
  before?: string[][];
  args: string[];
  /** Also by releases that lack the option. */
  mayFail?: true;
}

const COMMIT = ['commit', '--quiet', '--allow-empty', '--message'];
/** Of as many branches, one after the other: a client that asks for all of them asks for more than a kilobyte, compressed. */
const TIPS = 24;
/** More than one push may bring. */
const TOO_MANY = 21;

function steps(url: string): Step[] {
  const own = [...COMMIT, 'own'];
  const tooMany = Array.from({ length: TOO_MANY }, (_, index) => `main:refs/heads/many-${index}`);
  const tips = Array.from({ length: TIPS }, (_, index) => `tip-${index}`);
  const makeTips = [
    ['checkout', '--quiet', '--detach'],
    ...tips.flatMap((tip) => [
      [...COMMIT, tip],
      ['branch', tip],
    ]),
    ['checkout', '--quiet', 'main'],
  ];
  return [
    { folder: 'work', args: ['push', url, 'main', 'v1'] },
    { folder: '.', args: ['ls-remote', url] },
    { folder: '.', args: ['clone', url, 'copy'] },
    { folder: 'work', before: [[...COMMIT, 'three']], args: ['push', url, 'main'] },
    { folder: 'copy', before: [own], args: ['fetch', url, '+refs/heads/*:refs/remotes/x/*'] },
    { folder: 'work', args: ['push', '--force', url, 'main~1:main'] },
    { folder: 'work', args: ['push', url, 'main:refs/heads/x', 'main:refs/heads/größe'] },
    { folder: 'work', args: ['push', url, ':refs/heads/x'] },
    { folder: 'work', args: ['push', url, 'main:refs/notes/x'], mayFail: true },
    { folder: 'work', args: ['push', url, ...tooMany], mayFail: true },
    { folder: '.', args: ['clone', '--depth', '1', url, 'shallow'] },
    {
      folder: 'shallow',
      before: [[...COMMIT, 'four']],
      args: ['push', url, 'HEAD:refs/heads/shallow'],
      mayFail: true,
    },
    {
      folder: 'work',
      args: ['push', '--atomic', '-o', 'ci.skip', url, 'main:refs/heads/atomic'],
      mayFail: true,
    },
    { folder: 'work', before: makeTips, args: ['push', url, ...tips.slice(0, TIPS / 2)] },
    { folder: 'work', args: ['push', url, ...tips.slice(TIPS / 2)] },
    { folder: '.', args: ['clone', url, 'tips'] },
    {
      folder: 'work',
      before: [['config', 'http.postBuffer', '1']],
      args: ['push', url, 'main:refs/heads/chunks'],
    },
  ];
}

const WHEN = '2026-01-02T03:04:05Z';

function environment(home: string): NodeJS.ProcessEnv {
  const person = { NAME: 'Ada', EMAIL: 'ada@example.com', DATE: WHEN };
  const people = ['AUTHOR', 'COMMITTER'].flatMap((role) =>
    Object.entries(person).map(([key, value]) => [`GIT_${role}_${key}`, value]),
  );
  return {
    PATH: '/usr/bin:/bin',
    HOME: home,
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    ...Object.fromEntries(people),
  };
}

async function prepare(folder: string): Promise<void> {
  const git = (...args: string[]): void => {
    execFileSync('git', args, { cwd: join(folder, 'work'), env: environment(folder) });
  };
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', 'work'], { cwd: folder });
  for (const content of ['one', 'two']) {
    await writeFile(join(folder, 'work/index.ts'), `export default '${content}';\n`);
    git('add', '--all');
    git('commit', '--quiet', '--message', content);
  }
  git('tag', '--annotate', '--message', 'first', 'v1');
}

/** Hands requests on to the front, and keeps each with its answer. */
async function startRecorder(origin: string, recorded: Omit<RecordedRequest, 'origin'>[]) {
  async function pass(request: http.IncomingMessage, response: http.ServerResponse) {
    const body = await buffer(request);
    const { method = '', url = '', headers } = request;
    const onward = http.request(new URL(url, origin), { method, headers, agent: false });
    onward.end(body);
    const [answer] = (await once(onward, 'response')) as [http.IncomingMessage];
    const answered = { status: answer.statusCode ?? 0, body: await buffer(answer) };
    const kept = Object.entries(headers).filter(([name]) => !LEFT_OUT.has(name));
    recorded.push({
      method,
      url,
      headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
      isAuthorized: headers.authorization !== undefined,
      body: body.toString('base64'),
      answer: inShort(url, answered),
    });
    response.writeHead(answered.status, answer.headers).end(answered.body);
  }

  const server = http.createServer((request, response) => void pass(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

interface Ran {
  code: number | string;
  text: string;
}

function run(
  program: string,
  args: string[],
  options: { cwd: string; home: string },
): Promise<Ran> {
  const { cwd, home } = options;
  // A release finds its own helpers, and the machine's nowhere.
  const env = { ...environment(home), GIT_EXEC_PATH: execPathOf(program) };
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? -1), text: stdout + stderr });
    });
  });
}

function execPathOf(program: string): string {
  return execFileSync(program, ['--exec-path'], { encoding: 'utf8' }).trim();
}

async function record(program: string): Promise<void> {
  const release = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim();
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-record-'));
  await using front = await startFront();
  const recorded: Omit<RecordedRequest, 'origin'>[] = [];
  const recorder = await startRecorder(front.origin, recorded);
  const whole: RecordedRequest[] = [];
  const url = urlOf(recorder.origin, APP);
  await prepare(folder);
  for (const { folder: below, before = [], args, mayFail } of steps(url)) {
    const cwd = join(folder, below);
    for (const command of before) execFileSync('git', command, { cwd, env: environment(folder) });
    const { code, text } = await run(program, args, { cwd, home: folder });
    const said = ['git', ...args].join(' ').replaceAll(url, 'URL');
    if (code !== 0 && mayFail === undefined)
      throw new Error(`${release}: ${said}: ${code}\n${text}`);
    process.stdout.write(`${release}: ${said}: ended with ${code}, ${recorded.length} requests\n`);
    if (code !== 0) process.stdout.write(`${text.trim().replaceAll(/^/gm, '    ')}\n`);
    whole.push(...recorded.splice(0).map((one) => ({ origin: `${release}: ${said}`, ...one })));
  }
  recorder.server.close();
  const name = `${release.replace('git version ', 'git-')}.json`;
  await writeFile(join(RECORDINGS, name), `${JSON.stringify(whole, null, 2)}\n`);
  await rm(folder, { recursive: true });
}

for (const program of process.argv.slice(2)) await record(program);
