import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createFileView } from '../../src/egress/file-view.ts';

async function openView() {
  const folder = await mkdtemp(join(tmpdir(), 'view-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'resolv.conf');
  const time = { ms: 0 };
  let reads = 0;
  const view = createFileView(path, {
    parse: (text) => {
      reads += 1;
      return text === '' ? null : text;
    },
    initial: 'nothing',
    nowMs: () => time.ms,
  });
  const later = (): string => {
    time.ms += 1_000;
    return view();
  };
  return { path, view, later, reads: () => reads };
}

it('a file that changes is read again, within a second and no sooner', async () => {
  const { path, view, later, reads } = await openView();
  expect(view()).toBe('nothing');
  await writeFile(path, 'first');
  expect(view()).toBe('nothing');
  expect(later()).toBe('first');
  await writeFile(`${path}.new`, 'other');
  await rename(`${path}.new`, path);
  expect(view()).toBe('first');
  expect(later()).toBe('other');
  for (let count = 0; count < 5; count++) later();
  expect(reads()).toBe(2);
});

it('a file that is away, being written or endless leaves what it said last', async () => {
  const { path, later } = await openView();
  await writeFile(path, 'first');
  expect(later()).toBe('first');
  await writeFile(path, '');
  expect(later()).toBe('first');
  await writeFile(path, 'x'.repeat(5 * 1024 * 1024));
  expect(later()).toBe('first');
  await rm(path);
  expect(later()).toBe('first');
  await writeFile(path, 'again');
  expect(later()).toBe('again');
});
