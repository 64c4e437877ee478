import { expect, it } from 'vitest';
import { tmpdir } from 'node:os';
import { createDisks, hasRoom } from '../../../src/main/control/disks.ts';

it('a folder with room, and one that cannot be looked at, keep nobody waiting', async () => {
  expect(await hasRoom(tmpdir())).toBe(true);
  expect(await hasRoom('/nowhere/at/all')).toBe(true);
  const folders = [{ name: 'store', path: tmpdir(), isNeeded: true }];
  await createDisks(folders).requireRoom();
  expect(await createDisks(folders).warnings()).toEqual([]);
});

it('a full one is named, with what to do, and refuses what needs it', async () => {
  // The kernel's own file systems have no room for anybody.
  const full = { name: 'store', path: '/proc' };
  const needed = createDisks([{ ...full, isNeeded: true }]);
  await expect(needed.requireRoom()).rejects.toMatchObject({
    code: 'disk-full',
    message: 'the disk of store/ in the data folder is full',
    hint: expect.stringContaining('df -h DATA_FOLDER/store') as string,
  });
  const other = createDisks([{ ...full, isNeeded: false }]);
  await other.requireRoom();
  expect(await other.warnings()).toEqual([
    { kind: 'disk', appId: null, message: 'the disk of store/ in the data folder is full' },
  ]);
});
