import { expect, it } from 'vitest';
import { createPushJournal } from '../../src/deploy/push-journal.ts';
import type { Clock } from '../../src/std/clock.ts';

/** Time that passes when a test says so. */
function stoppedClock(): Clock & { pass(): void } {
  const due = new Set<() => void>();
  return {
    now: () => 0,
    monotonicMs: () => 0,
    after(_, callback) {
      due.add(callback);
      return () => void due.delete(callback);
    },
    pass: () => due.forEach((callback) => callback()),
  };
}

const push = (id: string, appId = 'app-1') => ({ id, appId, by: 'laptop', refs: [] });

async function readAll(lines: AsyncGenerator<string | null>): Promise<(string | null)[]> {
  const all: (string | null)[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

it('a record shows what was printed before and after its reader came, without what terminals obey', async () => {
  const record = createPushJournal(stoppedClock()).begin(push('p'));
  const shown: string[] = [];
  const report = record.reportTo((line) => shown.push(line));
  report('one\ntwo \u001b[31mred');
  const reading = readAll(record.read());
  report('three');
  record.end('succeeded');
  expect(await reading).toEqual(['one', 'two red', 'three']);
  expect(shown).toEqual(['one\ntwo \u001b[31mred', 'three']);
});

it('a record of a build that prints without end keeps the newest lines and counts the others', async () => {
  const record = createPushJournal(stoppedClock()).begin(push('p'));
  const report = record.reportTo(() => {});
  for (let at = 0; at < 3000; at++) report(`line ${at}`);
  record.end('build-failed');
  const lines = await readAll(record.read());
  expect(lines[0]).toBe(' !     1000 earlier lines are no longer kept');
  expect(lines.at(-1)).toBe('line 2999');
  const wide = createPushJournal(stoppedClock()).begin(push('w'));
  for (let at = 0; at < 1000; at++) wide.reportTo(() => {})('x'.repeat(10_000));
  wide.end('build-failed');
  const characters = (await readAll(wide.read())).reduce(
    (sum, line) => sum + (line ?? '').length,
    0,
  );
  expect(characters).toBeLessThan(300_000);
});

it('a silent push gives its readers signs of life', async () => {
  const clock = stoppedClock();
  const record = createPushJournal(clock).begin(push('p'));
  const reader = record.read();
  const beat = reader.next();
  clock.pass();
  expect(await beat).toEqual({ done: false, value: null });
  const end = reader.next();
  record.end('cancelled');
  expect(await end).toEqual({ done: true, value: undefined });
});

it('a record has a limited number of readers, and room again when one leaves', async () => {
  const record = createPushJournal(stoppedClock()).begin(push('p'));
  record.reportTo(() => {})('line');
  const readers = Array.from({ length: 20 }, () => record.read());
  await Promise.all(readers.map((reader) => reader.next()));
  expect(() => record.read()).toThrow('20 others follow this push already');
  await readers[0]?.return(undefined);
  expect(await record.read().next()).toEqual({ done: false, value: 'line' });
});

it('a push that git has taken, or that has ended, cannot be cancelled', () => {
  const record = createPushJournal(stoppedClock()).begin(push('p'));
  record.accept();
  expect(() => record.cancel('somebody')).toThrow('going live at this moment');
  record.end('succeeded');
  expect(() => record.cancel('somebody')).toThrow('has ended already: succeeded');
  expect(record.signal.aborted).toBe(false);
});

it('the journal forgets the oldest that have ended, and never one that runs', () => {
  const journal = createPushJournal(stoppedClock());
  journal.begin(push('running'));
  for (let at = 0; at < 150; at++) journal.begin(push(`push-${at}`)).end('succeeded');
  journal.begin(push('last'));
  expect(journal.find('app-1', 'running')).not.toBeNull();
  expect(journal.find('app-1', 'push-0')).toBeNull();
  expect(journal.list('app-1')).toHaveLength(102);
  expect(journal.find('app-2', 'last')).toBeNull();
});
