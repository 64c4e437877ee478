import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Operations } from '../../src/protocol/control-client.generated.ts';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { eventually } from '../support/eventually.ts';
import { descendantsOf, platformProcesses } from '../support/processes.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { keepAsking, type SteadyRequests } from '../support/steady-requests.ts';
import { usePlatform } from '../support/use-platform.ts';

type LogPage = Operations['listLogs']['answer'];

const FIXTURE = join(import.meta.dirname, 'fixtures/bad-worker.cjs');
const ORDINARY_UID = 65_530;
const IS_ROOT = process.getuid?.() === 0;
const USERS: [who: string, uid: number | null][] = IS_ROOT
  ? [
      ['root', null],
      ['an ordinary user', ORDINARY_UID],
    ]
  : [['an ordinary user', null]];

/**
 * A worker that does to the platform what it can is harmed alone: the reason is in its app's log, its next request is
 * served, a neighbour that is asked all the while notices nothing, and no process of the platform ends. (S11–S15, S24)
 */
describe.each(USERS)('on a platform that runs as %s', (_who, uid) => {
  const platform = usePlatform(uid === null ? {} : { asUid: uid });

  let bad: TestRepository;
  let neighbour: SteadyRequests;
  let ownPids: number[];

  beforeAll(async () => {
    bad = await createRepository(platform(), 'bad');
    await bad.commit({
      'index.cjs': await readFile(FIXTURE, 'utf8'),
      'fn.json': '{ "timeout": 2, "concurrency": 1 }',
    });
    const pushed = await bad.push('main');
    expect(pushed.code, pushed.output).toBe(0);
    const good = await createRepository(platform(), 'good');
    await good.commit({ 'index.js': 'export const handler = async () => "neighbour";' });
    expect(await good.push('main')).toMatchObject({ code: 0 });
    ownPids = platformPids();
    neighbour = keepAsking(platform(), 'good', 'neighbour');
  });
  afterAll(() => neighbour.stop());

  function platformPids(): number[] {
    return platformProcesses(platform().pid)
      .map(({ pid }) => pid)
      .sort((a, b) => a - b);
  }

  async function logged(query: string, reason: RegExp): Promise<void> {
    await eventually(async () => {
      const { status, body } = await callControl(platform(), `/apps/bad/logs?${query}`);
      expect(status, body).toBe(200);
      const { items } = JSON.parse(body) as LogPage;
      expect(items.map(({ text }) => text).join('\n')).toMatch(reason);
    });
  }

  async function nothingElseIsHarmed(): Promise<void> {
    expect(await ask(platform(), 'bad')).toMatchObject({ status: 200, body: 'fine' });
    expect(neighbour.failures).toEqual([]);
    expect(platformPids()).toEqual(ownPids);
  }

  const OUT_OF_MEMORY = /Worker ran out of memory \(limit 128 MB\)/;
  const TIMED_OUT = /Task timed out after 2\.00 seconds/;
  const BROKE = 'Worker broke the protocol: ';

  /** Attack, statuses that its own request may get, and what its own log says of it. */
  const ATTACKS: [attack: string, statuses: number[], reason: RegExp][] = [
    ['garbage', [502], /broke the protocol: frame of \d+ bytes/],
    ['unknown-frame', [502], /broke the protocol: unknown frame type 200/],
    ['frame-without-end', [502], /broke the protocol: frame of 4294967295 bytes/],
    ['half-a-frame', [504], TIMED_OUT],
    ['empty-frame', [502], /broke the protocol: frame of 0 bytes/],
    ['frames-without-end', [200], /REPORT/],
    ['answers-for-all', [200], /REPORT/],
    ['answers-twice', [200], /REPORT/],
    ['fails-for-all', [502], /forged/],
    ['refuses-for-all', [502], /broke the protocol: a refusal without a reason/],
    ['credits-without-end', [502], /credit for what was not sent/],
    ['torn-credit', [502], /broke the protocol: malformed credit/],
    ['pong-unasked', [502], /broke the protocol: an answer to no ping/],
    ['begins-again', [200], /REPORT/],
    ['ready-with-garbage', [200, 502], /REPORT/],
    ['log-with-garbage', [502], /broke the protocol/],
    ['memory-of-all', [200], /REPORT/],
    ['retires-without-end', [200], /REPORT/],
    ['head-without-end', [502], /broke the protocol: malformed response head/],
    ['splits-the-response', [502], /response header/],
    ['lies-about-length', [200, 502], /REPORT/],
    ['impossible-status', [502], /the status is none of HTTP/],
    ['closes-its-socket', [502], /Worker exited with code 0/],
    ['steals-its-frames', [200], /REPORT/],
    ['floods-by-frames', [200, 502], /broke the protocol: more log lines|REPORT/],
    ['floods-its-log', [200], /REPORT/],
    ['prints-a-long-line', [200], /3000000\d characters, too many/],
    ['never-answers', [504], TIMED_OUT],
    ['exits', [502], /Worker exited with code 3/],
    ['aborts', [502], /Worker (crashed|exited)/],
    ['spins', [504], TIMED_OUT],
    ['leaks', [502], OUT_OF_MEMORY],
    ['forks', [200, 502], /REPORT/],
    ['fills-its-disk', [200, 502], /REPORT/],
    ['keeps-files', [502], OUT_OF_MEMORY],
    ['fills-its-inodes', [502, 504], /ran out of memory|timed out/],
    ['opens-all-files', [200], /REPORT/],
    ['starts-threads', [200, 502, 504], /ran out of memory|timed out|exited|REPORT/],
    ['sets-timers', [200], /REPORT/],
    ['ignores-signals', [504], TIMED_OUT],
    ['daemonises', [502], /Worker exited with code 0/],
  ];

  describe('a worker that', () => {
    it.each(ATTACKS)('%s is harmed alone', async (attack, statuses, reason) => {
      const answer = await ask(platform(), 'bad', { path: `/${attack}` });
      expect(statuses, `${answer.status} ${answer.body}`).toContain(answer.status);
      expect(answer.headers).not.toHaveProperty('x-split');
      await logged(`request=${String(answer.headers['x-request-id'])}&limit=1000`, reason);
      await nothingElseIsHarmed();
    });
  });

  /** What a worker does when it has answered fails no request: its log says so all the same. */
  const LATER: [attack: string, reason: string][] = [
    ['unknown-frame', `${BROKE}unknown frame type 200`],
    ['frame-without-end', `${BROKE}frame of 4294967295 bytes`],
    ['exits', 'Worker exited with code 3'],
    ['leaks', 'Worker ran out of memory (limit 128 MB)'],
    ['floods-its-log', 'lines dropped: a function may print 1000 a second'],
  ];

  describe('a worker that, after its answer,', () => {
    it.each(LATER)('%s is held to it or replaced, and its log says why', async (attack, reason) => {
      const since = new Date().toISOString();
      const answer = await ask(platform(), 'bad', { path: `/later/${attack}` });
      expect(answer).toMatchObject({ status: 200, body: 'answered' });
      const pattern = new RegExp(reason.replace(/[()]/g, '\\$&'));
      await logged(`since=${since}&search=${encodeURIComponent(reason)}`, pattern);
      await nothingElseIsHarmed();
    });
  });

  it('leaves no process behind when its deployment has gone', async () => {
    const isLeft = () => {
      return descendantsOf(1).some(({ commandLine }) => commandLine.includes('left-by-a-function'));
    };
    expect(await ask(platform(), 'bad', { path: '/leaves-a-process' })).toMatchObject({
      status: 200,
    });
    expect(isLeft()).toBe(true);
    await bad.commit({ 'index.cjs': 'exports.handler = async () => "fine";' });
    const pushed = await bad.push('main');
    expect(pushed.code, pushed.output).toBe(0);
    // A worker may finish for half a minute what it was asked to wait for.
    await eventually(() => !isLeft(), 90_000);
    await nothingElseIsHarmed();
  }, 150_000);
});
