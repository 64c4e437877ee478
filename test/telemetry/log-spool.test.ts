import { appendFile, chmod, mkdir, mkdtemp, readdir, rename, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LogBatch } from '../../src/protocol/logs.ts';
import { openLogSpool, type LogSpool } from '../../src/telemetry/log-spool.ts';
import { logEntry } from '../support/log-entry.ts';

let folder: string;
let time = 0;
const open = (maxBytes?: number): Promise<LogSpool> =>
  openLogSpool(folder, () => ++time, maxBytes === undefined ? {} : { maxBytes });
const batch = (sequence: number, text = 'x'): LogBatch => ({
  source: 'a'.repeat(16),
  sequence,
  entries: [logEntry({ text })],
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-spool-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Takes all out. */
async function drain(spool: LogSpool): Promise<number[]> {
  const sequences: number[] = [];
  for (let first = await spool.first(); first !== null; first = await spool.first()) {
    sequences.push(first.sequence);
    await spool.removeFirst();
  }
  return sequences;
}

it('gives back in order what it took, also what an earlier process left', async () => {
  const before = await open();
  for (const sequence of [1, 2, 3]) expect(await before.append(batch(sequence))).toBe(true);
  const after = await open();
  expect(await after.append(batch(4))).toBe(true);
  expect(await after.first()).toEqual(batch(1));
  expect(await after.append(batch(5))).toBe(true);
  expect(await drain(after)).toEqual([1, 2, 3, 4, 5]);
  expect(await readdir(folder)).toEqual([]);
});

it('keeps data processes apart, and leaves to the first what those wrote that are not started any more', async () => {
  const openOf = (place: number, processes: number): Promise<LogSpool> =>
    openLogSpool(folder, () => ++time, { place, processes });
  for (const place of [0, 1, 2]) await (await openOf(place, 3)).append(batch(place + 1));
  expect(await drain(await openOf(1, 3))).toEqual([2]);
  expect(await drain(await openOf(1, 2))).toEqual([]);
  expect(await drain(await openOf(0, 2))).toEqual([1, 3]);
});

it('skips a torn line and damaged ones, and goes on behind them', async () => {
  const spool = await open();
  for (const sequence of [1, 2]) await spool.append(batch(sequence));
  const [name = ''] = await readdir(folder);
  const path = join(folder, name);
  await appendFile(path, '00000000 {"source":"forged"}\nno line at all\n');
  const torn = await open();
  await torn.append(batch(3, 'y'.repeat(1000)));
  const last = join(folder, (await readdir(folder)).toSorted().at(-1) ?? '');
  await truncate(last, 500);
  const next = await open();
  await next.append(batch(4));
  expect(await drain(next)).toEqual([1, 2, 4]);
});

it('takes no more than its size, and again when there is room', async () => {
  const spool = await open(1_000);
  expect(await spool.append(batch(1, 'x'.repeat(600)))).toBe(true);
  expect(await spool.append(batch(2, 'x'.repeat(600)))).toBe(false);
  expect(await drain(spool)).toEqual([1]);
  expect(await spool.append(batch(3, 'x'.repeat(600)))).toBe(true);
  expect(await drain(spool)).toEqual([3]);
});

it('keeps what it cannot read now, and leaves it for the next process when that does not pass', async () => {
  const spool = await open();
  await spool.append(batch(1));
  const [name = ''] = await readdir(folder);
  const path = join(folder, name);
  await rename(path, `${path}.kept`);
  await mkdir(path); // Reading a folder fails with EISDIR, also for root.
  await expect(spool.first()).rejects.toMatchObject({ code: 'EISDIR' });
  await spool.append(batch(2));
  await rm(path, { recursive: true });
  await rename(`${path}.kept`, path);
  expect(await drain(spool)).toEqual([1, 2]);

  await spool.append(batch(3));
  const [unreadable = ''] = await readdir(folder);
  await rm(join(folder, unreadable));
  await mkdir(join(folder, unreadable));
  for (let attempt = 1; attempt <= 50; attempt++) await expect(spool.first()).rejects.toThrow();
  await spool.append(batch(4));
  expect(await drain(spool)).toEqual([4]);
  expect(await readdir(folder)).toEqual([unreadable]);
});

it('says so when the disk takes nothing, and works again when it does', async () => {
  const spool = await open();
  await rm(folder, { recursive: true });
  expect(await spool.append(batch(1))).toBe(false);
  expect(await spool.first()).toBe(null);
  folder = await mkdtemp(join(tmpdir(), 'log-spool-'));
  const next = await open();
  expect(await next.append(batch(2))).toBe(true);
  await chmod(folder, 0o700);
  expect(await drain(next)).toEqual([2]);
});
