import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createPeerCheck } from '../../src/git/peer.ts';
import { Places } from '../../src/git/places.ts';
import { printable } from '../../src/git/printable.ts';
import { createPushHeadParser } from '../../src/git/request-head.ts';
import { createTerminal } from '../../src/git/terminal.ts';
import type { Clock } from '../../src/std/clock.ts';
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

describe('printable text', () => {
  it.each([
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007shown', 'shown'],
    ['\u001b]8;;http://evil\u001b\\link', '\\link'],
    ['\u009b2Jcleared', '2Jcleared'],
    ['a\tb\r\nc\u0000\u0008', 'a\tbc'],
    ['\u202eturned\u2066', 'turned'],
    ['größe 日本 🚀', 'größe 日本 🚀'],
  ])('of %j is %j', (raw, shown) => {
    expect(printable(raw)).toBe(shown);
  });
});

describe('a peer over http', () => {
  const check = createPeerCheck(['10.0.0.0/8', '192.0.2.7', 'fd00::/8']);
  const judge = (address: string, proto?: string): string => {
    const headers = { 'x-gitfn-peer-address': address, 'x-gitfn-peer-scheme': 'http' };
    try {
      check.requirePrivate({
        ...headers,
        ...(proto !== undefined && { 'x-forwarded-proto': proto }),
      });
      return 'let in';
    } catch {
      return 'refused';
    }
  };
  it.each([
    ['127.0.0.1', undefined, 'let in'],
    ['127.8.9.1', undefined, 'let in'],
    ['::1', undefined, 'let in'],
    ['203.0.113.1', undefined, 'refused'],
    ['203.0.113.1', 'https', 'refused'],
    ['10.1.2.3', 'https', 'let in'],
    ['10.1.2.3', 'http', 'refused'],
    ['10.1.2.3', 'https, http', 'refused'],
    ['10.1.2.3', undefined, 'refused'],
    ['::ffff:192.0.2.7', 'https', 'let in'],
    ['fd00::1', 'https', 'let in'],
    ['not an address', 'https', 'refused'],
  ])('from %s that says %s is %s', (address, proto, expected) => {
    expect(judge(address, proto)).toBe(expected);
  });

  it('from a proxy on this machine is judged by what the proxy says', () => {
    const strict = createPeerCheck(['127.0.0.1']);
    const headers = { 'x-gitfn-peer-address': '127.0.0.1', 'x-gitfn-peer-scheme': 'http' };
    expect(() => strict.requirePrivate({ ...headers, 'x-forwarded-proto': 'http' })).toThrow(
      'https',
    );
    expect(() => strict.requirePrivate(headers)).not.toThrow();
  });
});

describe('places', () => {
  const limits = { overall: 2, perRepository: 1, queueLength: 2, queueMs: 100 };
  const { signal } = new AbortController();

  it('let the next one in whose repository has room', async () => {
    const places = new Places(standingClock(), limits);
    const order: string[] = [];
    const take = (key: string): Promise<() => void> =>
      places.take(key, signal).then((giveBack) => {
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

  it('refuse when the queue is full and when the wait is too long', async () => {
    const clock = standingClock();
    const places = new Places(clock, limits);
    await places.take('a', signal);
    const waiting = [places.take('a', signal), places.take('a', signal)];
    await expect(places.take('a', signal)).rejects.toMatchObject({ status: 503 });
    clock.advance(100);
    for (const wait of waiting) await expect(wait).rejects.toMatchObject({ status: 503 });
  });

  it('forget who left the queue', async () => {
    const places = new Places(standingClock(), limits);
    const first = await places.take('a', signal);
    const leaver = new AbortController();
    const left = places.take('a', leaver.signal);
    leaver.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    first();
    await places.take('a', signal);
  });
});

describe('the head of a push', () => {
  it('is read alike for any boundaries, with shallow lines and any bytes in names', () => {
    const bytes = Buffer.concat([
      packet(`shallow ${SHA}\n`),
      commandList(['refs/heads/main', 'refs/heads/größe'], SHA),
      Buffer.from('PACK…'),
    ]);
    const parse = createPushHeadParser();
    let head = null;
    for (let end = 0; head === null; end += 1) head = parse(bytes.subarray(0, end));
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
