import { expect, it } from 'vitest';
import type { LogBatch } from '../../src/protocol/logs.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import { systemClock } from '../../src/std/clock.ts';
import { LogShipper } from '../../src/telemetry/log-shipper.ts';
import type { LogSpool } from '../../src/telemetry/log-spool.ts';
import { eventually } from '../support/eventually.ts';
import { logEntry } from '../support/log-entry.ts';

function createSpool(capacity: number): LogSpool & { batches: LogBatch[] } {
  const batches: LogBatch[] = [];
  return {
    batches,
    first: async () => batches[0] ?? null,
    removeFirst: async () => void batches.shift(),
    append: async (batch) => {
      if (batches.length >= capacity) return false;
      batches.push(batch);
      return true;
    },
  };
}

function createShipper(capacity = 100) {
  const received: LogBatch[] = [];
  const control = { failure: null as unknown, followed: [] as string[], poison: '', refusals: 0 };
  const spool = createSpool(capacity);
  const shipper = new LogShipper({
    source: 'a'.repeat(16),
    spool,
    clock: systemClock,
    send: async (batch) => {
      if (control.failure !== null) throw control.failure;
      if (batch.entries.some(({ text }) => text === control.poison)) {
        control.refusals++;
        throw new PlatformError('internal', 'internal error');
      }
      received.push(batch);
      return { followed: control.followed };
    },
  });
  const texts = (): string[] => received.flatMap(({ entries }) => entries.map(({ text }) => text));
  return { shipper, spool, control, received, texts };
}

const away = new PlatformError('unavailable', 'control is not answering');

it('sends nothing past batches that cannot be read now', async () => {
  const { shipper, spool, control, texts } = createShipper();
  control.failure = away;
  shipper.add('app', logEntry({ text: 'waiting' }));
  await eventually(() => spool.batches.length === 1);
  const first = async (): Promise<LogBatch | null> => spool.batches[0] ?? null;
  let failures = 0;
  spool.first = async () => {
    failures++;
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  };
  control.failure = null;
  shipper.add('app', logEntry({ text: 'new' }));
  await eventually(() => failures > 1 && spool.batches.length === 2);
  expect(texts()).toEqual([]);
  spool.first = first;
  await eventually(() => texts().length === 2);
  expect(texts()).toEqual(['waiting', 'new']);
  await shipper.close();
});

it('gathers entries into one batch, and numbers batches from 1', async () => {
  const { shipper, received } = createShipper();
  for (const text of ['a', 'b']) shipper.add('app', logEntry({ text }));
  await eventually(() => received.length === 1);
  shipper.add('app', logEntry({ text: 'c' }));
  await shipper.close();
  expect(
    received.map(({ sequence, entries }) => [sequence, entries.map(({ text }) => text)]),
  ).toEqual([
    [1, ['a', 'b']],
    [2, ['c']],
  ]);
});

it('sends much in whole batches as they come, each small enough to hold nobody up, and the rest in its time', async () => {
  const { shipper, received } = createShipper();
  shipper.follow(['app']);
  shipper.add('app', logEntry({ text: 'first' }));
  await eventually(() => received.length === 1);
  received.length = 0;
  for (let count = 0; count < 1_200; count++) shipper.add('app', logEntry({ text: `${count}` }));
  await eventually(() => received.length >= 2);
  expect(received.map(({ entries }) => entries.length)).toEqual([500, 500]);
  const long = 'x'.repeat(100 * 1024);
  for (let count = 0; count < 3; count++) shipper.add('app', logEntry({ text: long }));
  await eventually(() => received.length >= 3);
  await shipper.close();
  expect(received.flatMap(({ entries }) => entries)).toHaveLength(1_203);
  for (const batch of received) expect(JSON.stringify(batch).length).toBeLessThan(400 * 1024);
});

it('keeps on disk what control does not take, and sends it first, in order and once, when it does', async () => {
  const { shipper, control, spool, received, texts } = createShipper();
  control.failure = away;
  control.followed = ['app'];
  shipper.follow(['app']);
  shipper.add('app', logEntry({ text: 'a' }));
  await eventually(() => spool.batches.length === 1);
  shipper.add('app', logEntry({ text: 'b' }));
  await eventually(() => spool.batches.length === 2);
  control.failure = null;
  // Without another word: it tries again by itself.
  await eventually(() => texts().length === 2);
  shipper.add('app', logEntry({ text: 'c' }));
  await shipper.close();
  expect(texts()).toEqual(['a', 'b', 'c']);
  expect(received.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  expect(spool.batches).toEqual([]);
});

it('counts what finds no room, and tells it in the log that it is missing from', async () => {
  const { shipper, control, texts } = createShipper(1);
  control.failure = away;
  shipper.follow(['app']);
  shipper.add('app', logEntry({ text: 'kept' }));
  await eventually(() => control.failure !== null);
  for (let number = 0; number < 3; number++) {
    await new Promise((resolve) => setTimeout(resolve, 120));
    shipper.add('app', logEntry({ text: `lost ${number}` }));
  }
  await new Promise((resolve) => setTimeout(resolve, 120));
  control.failure = null;
  await eventually(() => texts().some((text) => text.includes('log entries were lost')));
  expect(texts()[0]).toBe('kept');
  expect(texts().find((text) => text.includes('were lost'))).toMatch(/^3 log entries were lost/);
  await shipper.close();
});

it('lets one app fill neither memory nor disk for the others, and lets it print again when all was sent', async () => {
  const { shipper, control, spool, texts } = createShipper();
  const long = 'x'.repeat(1024 * 1024);
  const flood = (): void => {
    for (let count = 0; count < 12; count++) shipper.add('loud', logEntry({ text: long }));
  };
  control.failure = away;
  shipper.follow(['loud']);
  flood();
  await eventually(() => spool.batches.length >= 7);
  flood();
  shipper.add('quiet', logEntry({ text: 'quiet' }));
  await eventually(() => spool.batches.some(({ entries }) => entries[0]?.text === 'quiet'));
  control.failure = null;
  await eventually(() => spool.batches.length === 0 && texts().includes('quiet'));
  expect(texts().filter((text) => text === long)).toHaveLength(7);
  flood();
  await eventually(() => texts().filter((text) => text === long).length === 14);
  await shipper.close();
  expect(texts().filter((text) => text === long)).toHaveLength(14);
});

it('gives up a batch that control refuses again and again, and goes on behind it', async () => {
  const { shipper, control, texts } = createShipper();
  control.poison = 'poison';
  shipper.follow(['app']);
  shipper.add('app', logEntry({ text: 'poison' }));
  await eventually(() => control.refusals > 0);
  shipper.add('app', logEntry({ text: 'more' }));
  await eventually(() => texts().includes('more'));
  expect(control.refusals).toBe(5);
  expect(texts()).toEqual(['more', expect.stringMatching(/^1 log entries were lost/)]);
  await shipper.close();
});

it('leaves on disk what is there when it closes while control is away', async () => {
  const { shipper, control, spool } = createShipper();
  control.failure = away;
  shipper.add('app', logEntry({ text: 'last words' }));
  await shipper.close();
  expect(spool.batches.map(({ entries }) => entries[0]?.text)).toEqual(['last words']);
});
