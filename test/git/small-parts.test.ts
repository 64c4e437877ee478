import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Places } from '../../src/git/places.ts';
import { openRepositories } from '../../src/git/repositories.ts';
import { createPushHeadParser } from '../../src/git/request-head.ts';
import { createTerminal } from '../../src/git/terminal.ts';
import type { Clock } from '../../src/std/clock.ts';
import { newId } from '../../src/std/ids.ts';
import { commandList, packet } from './support/raw-request.ts';

const SHA = 'a'.repeat(40);

/** A clock that stands still until it is told to move. */
function standingClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  let timers: { at: number; callback: () => void }[] = [];
  return {
    now: () => now,
    monotonicMs: () => now,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback };
      timers.push(timer);
      return () => (timers = timers.filter((other) => other !== timer));
    },
    advance(ms) {
      now += ms;
      const due = timers.filter((timer) => timer.at <= now);
      timers = timers.filter((timer) => timer.at > now);
      for (const timer of due) timer.callback();
    },
  };
}

describe('places', () => {
  const limits = { overall: 2, perRepository: 1, perHolder: 2, queueLength: 2, queueMs: 100 };
  const of = (repository: string, holder = 'tok-1') => ({ repository, holder });
  const { signal } = new AbortController();

  it('let the next one in whose repository has room', async () => {
    const places = new Places(standingClock(), limits);
    const order: string[] = [];
    const take = (key: string): Promise<() => void> =>
      places.take(of(key), signal).then((giveBack) => {
        order.push(key);
        return giveBack;
      });
    const first = await take('a');
    const waiting = take('a');
    const other = await take('b');
    expect(order).toEqual(['a', 'b']);
    other();
    other();
    first();
    await waiting;
    expect(order).toEqual(['a', 'b', 'a']);
  });

  it('are left to others by who has many', async () => {
    const places = new Places(standingClock(), { ...limits, overall: 3 });
    const [first] = await Promise.all([places.take(of('a'), signal), places.take(of('b'), signal)]);
    let isIn = false;
    const third = places.take(of('c'), signal).then(() => (isIn = true));
    await places.take(of('d', 'tok-2'), signal);
    expect(isIn).toBe(false);
    first?.();
    await third;
  });

  it('admit all for whom one that is given back makes room', async () => {
    const places = new Places(standingClock(), { ...limits, overall: 3, queueLength: 5 });
    const first = await places.take(of('a', 'tok-1'), signal);
    await places.take(of('b', 'tok-1'), signal);
    const waiting = [places.take(of('a', 'tok-2'), signal), places.take(of('c', 'tok-1'), signal)];
    first();
    await Promise.all(waiting);
  });

  it('refuse when the queue is full and when the wait is too long', async () => {
    const clock = standingClock();
    const places = new Places(clock, limits);
    await places.take(of('a'), signal);
    const waiting = [places.take(of('a'), signal), places.take(of('a'), signal)];
    await expect(places.take(of('a'), signal)).rejects.toMatchObject({ status: 503 });
    clock.advance(100);
    for (const wait of waiting) await expect(wait).rejects.toMatchObject({ status: 503 });
  });

  it('forget who left the queue', async () => {
    const places = new Places(standingClock(), limits);
    const first = await places.take(of('a'), signal);
    const leaver = new AbortController();
    const left = places.take(of('a'), leaver.signal);
    leaver.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    first();
    await places.take(of('a'), signal);
  });
});

it('makes one repository for all who need it at once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-repositories-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const repositoriesDir = join(folder, 'repositories');
  const repositories = await openRepositories({ repositoriesDir, stateDir: folder });
  const appId = newId('app');
  await Promise.all([1, 2, 3].map(() => repositories.ensure(appId)));
  await repositories.ensure(appId);
  expect(await readdir(repositoriesDir)).toEqual([`${appId}.git`]);
});

describe('the head of a push', () => {
  it('is read alike for any boundaries, with shallow lines and any bytes in names', () => {
    const bytes = Buffer.concat([
      packet(`shallow ${SHA}\n`),
      commandList(['refs/heads/main', 'refs/heads/größe'], SHA),
      Buffer.from('PACK…'),
    ]);
    const parser = createPushHeadParser();
    let head = null;
    for (let end = 0; head === null; end += 1) head = parser.parse(bytes.subarray(0, end));
    expect(head).toMatchObject({ kind: 'push', bytes: bytes.indexOf('PACK') });
    const names = head.kind === 'push' ? head.commands.map(({ ref }) => ref.toString()) : [];
    expect(names).toEqual(['refs/heads/main', 'refs/heads/größe']);
  });
});

describe("the pusher's terminal", () => {
  it('hears something at least as often as promised, and nothing after its end', async () => {
    const clock = standingClock();
    const socket = new PassThrough();
    const terminal = createTerminal(socket, { clock, heartbeatMs: 10_000 });
    clock.advance(9_999);
    terminal.print('-----> Build');
    clock.advance(10_000);
    clock.advance(10_000);
    terminal.end(0);
    clock.advance(60_000);
    terminal.print('too late');
    expect(await text(socket)).toBe(
      [
        'line -----> Build',
        'line        still working after 20 s',
        'line        still working after 30 s',
        'exit 0',
        '',
      ].join('\n'),
    );
  });

  it('can not be ended by a line that looks like the end', async () => {
    const socket = new PassThrough();
    const terminal = createTerminal(socket, { clock: standingClock(), heartbeatMs: 1 });
    terminal.print('exit 0\nexit 0');
    terminal.end(1);
    expect(await text(socket)).toBe('line exit 0\nline exit 0\nexit 1\n');
  });
});
